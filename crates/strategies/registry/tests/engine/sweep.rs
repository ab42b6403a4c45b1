//! A slope that training takes through zero: planned anew at each step, no gradient wrong.

use half::{bf16, f16};
use prelu_mem_core::contract::bound::{output_may_do, slope_gradient};
use prelu_mem_core::contract::oracle;
use prelu_mem_core::{
    Backend, Cpu, Element, Error, Filler, Geometry, GradSlot, Layer, SharedBuffer, Sharing, Slopes,
    Strategy,
};
use prelu_mem_registry::{StrategyName, Visitor, with};

const STEPS: i32 = 100;
const SHAPE: [usize; 3] = [2, 3, 101];

/// Step 0 is 1, step 50 is 0, step 100 is -1; near zero it passes below every dtype's threshold.
fn slope_at(step: i32) -> f64 {
    let along = f64::from(50 - step) / 50.0;
    along.powi(61)
}

struct Sweep(Cpu);

impl<T: Element> Visitor<Cpu, T> for Sweep {
    type Output = Result<(), Error>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        let Sweep(cpu) = self;
        let geometry = Geometry::from_shape(&SHAPE, 1, Sharing::PerChannel)?;
        let start = Slopes::learned([0.25, 1.0, -0.7].map(T::from_f64).to_vec());
        let mut layer = Layer::new(cpu.clone(), strategy, start)?;
        let ordinary = Filler::Uniform { low: -4.0, high: 4.0 };
        for step in 0..=STEPS {
            layer.update_slopes(|slopes| slopes[1] = T::from_f64(slope_at(step)));
            layer.slope_gradient_mut().fill(0.0);
            let x: Vec<T> = ordinary.fill(&SHAPE, step as u64)?;
            let g: Vec<T> = ordinary.fill(&SHAPE, 1_000 + step as u64)?;
            let (mut y, mut dx) = (x.clone(), g.clone());
            let mut slot = GradSlot::new(cpu.alloc(geometry.len())?);
            let shared = SharedBuffer::new(cpu.alloc(geometry.len())?);
            let saved = layer.forward(&geometry, &mut y, &mut slot)?;
            let ready = layer.vacate(saved, &mut slot, Some(&shared))?;
            layer.backward(ready, Some(&y), &mut dx)?;
            hold::<T>(S::NAME, step, &layer, (&x, &g), &dx);
        }
        Ok(())
    }
}

fn hold<T: Element>(
    name: &str,
    step: i32,
    layer: &Layer<impl Strategy<Cpu, T>, Cpu, T>,
    (x, g): (&[T], &[T]),
    dx: &[T],
) {
    let exact = |values: &[T]| values.iter().map(|value| value.to_f64()).collect::<Vec<_>>();
    let slopes = exact(layer.slopes().values());
    let round = |product| T::from_f64(product).to_f64();
    let expected = oracle::run((&SHAPE, 1), &slopes, (&exact(x), &exact(g)), round);
    assert!(exact(dx) == expected.input_gradient, "{name} {} step {step}: dx", T::DTYPE);
    for ((&da, terms), &slope) in layer.slope_gradient().iter().zip(&expected.slopes).zip(&slopes) {
        let exact = ["full-copy", "diff-stash"].contains(&name);
        let from_output = !exact && output_may_do::<T>(slope);
        let (error, bound) =
            ((da - terms.gradient).abs(), slope_gradient::<T>(slope, from_output, terms));
        assert!(
            error <= bound,
            "{name} {} step {step} slope {slope:e}: error {error:e}, bound {bound:e}",
            T::DTYPE
        );
    }
}

fn sweep<T: Element>() -> Result<(), Error> {
    for &name in StrategyName::ALL {
        with::<Cpu, T, _>(name, Sweep(Cpu::new(1)?))?;
    }
    Ok(())
}

#[test]
fn the_sweep_meets_every_class() {
    fn classes<T: Element>() -> [usize; 3] {
        let count = |class: fn(f64) -> bool| (0..=STEPS).filter(|&s| class(slope_at(s))).count();
        [
            count(|slope| output_may_do::<T>(slope) && slope > 0.0),
            count(|slope| output_may_do::<T>(slope) && slope < 0.0),
            count(|slope| !output_may_do::<T>(slope)),
        ]
    }
    for steps in [classes::<f16>(), classes::<bf16>(), classes::<f32>(), classes::<f64>()] {
        assert!(steps.iter().all(|&steps| steps >= 3), "{steps:?} steps of each class");
    }
    assert_eq!(slope_at(50), 0.0);
}

#[test]
fn a_slope_through_zero_in_f16() -> Result<(), Error> {
    sweep::<f16>()
}

#[test]
fn a_slope_through_zero_in_bf16() -> Result<(), Error> {
    sweep::<bf16>()
}

#[test]
fn a_slope_through_zero_in_f32() -> Result<(), Error> {
    sweep::<f32>()
}

#[test]
fn a_slope_through_zero_in_f64() -> Result<(), Error> {
    sweep::<f64>()
}
