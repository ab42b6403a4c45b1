//! The plan of a stack against a real net of the same PReLUs, with layers around them that keep their
//! input and need nothing else.

use prelu_mem_core::{Cpu, Filler, Geometry, Sharing, Slopes};
use prelu_mem_net::layers::{HandOver, Method, PRelu};
use prelu_mem_net::plan::MemoryPlan;
use prelu_mem_net::stack::{self, StackLayer};
use prelu_mem_net::{
    Backward, Chain, Describe, Forward, Gradients, Init, Needs, Net, NetError, NetLayer, Number,
    Place, Reads, Sgd,
};
use prelu_mem_registry::StrategyName;

const MODES: [Gradients; 2] = [Gradients::Resident, Gradients::Transient];

/// Writes a top of any shape from its bottom, again and again; without a shape it is the loss.
#[derive(Clone, Debug)]
struct StandIn(Option<Vec<usize>>);

impl<T: Number> Describe<T> for StandIn {
    fn tops(&self, _: Place<'_>) -> Result<Vec<Vec<usize>>, NetError> {
        Ok(self.0.iter().cloned().collect())
    }

    fn needs(&self, _: &Cpu, _: Place<'_>) -> Result<Needs, NetError> {
        Ok(Needs { reads: Reads { bottoms: true, ..Reads::default() }, ..Needs::default() })
    }

    fn build(&self, _: &Cpu, _: Place<'_>) -> Result<Box<dyn NetLayer<T>>, NetError> {
        Ok(Box::new(self.clone()))
    }

    fn is_loss(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: Number> NetLayer<T> for StandIn {
    fn forward(&mut self, _: &Cpu, mut pass: Forward<'_, T>) -> Result<(), NetError> {
        for top in &mut pass.tops {
            let values = pass.bottoms[0].iter().cycle();
            top.iter_mut().zip(values).for_each(|(to, &from)| *to = from - T::from_f64(0.1));
        }
        Ok(())
    }

    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<(), NetError> {
        if let Some(bottom) = &mut pass.bottom_diffs[0] {
            bottom.copy_from_slice(pass.bottoms[0]);
        }
        Ok(())
    }
}

const BATCH: usize = 3;

/// A large tensor first, a larger one in the middle, one without space, more channels than space.
const SHAPES: [&[usize]; 5] = [
    &[BATCH, 4, 40, 30],
    &[BATCH, 8, 90, 21],
    &[BATCH, 300, 2, 2],
    &[BATCH, 6, 5, 4, 3],
    &[BATCH, 7],
];

fn counted<T: Number>(
    method: Method,
    (slopes, gradients): (Filler, Gradients),
) -> Result<usize, NetError> {
    let cpu = Cpu::new(1)?;
    let mut chain = Chain::<T>::new(&[BATCH, 1], 7);
    let mut blob = chain.input();
    for (index, shape) in SHAPES.iter().enumerate() {
        blob = chain.then(&format!("layer {index}"), StandIn(Some(shape.to_vec())), blob)?;
        let prelu = PRelu { slopes: Init::Values(values(slopes, shape)?), ..PRelu::new(method) };
        chain.in_place(&format!("prelu {index}"), prelu, blob)?;
    }
    chain.add("last", StandIn(None), &[blob])?;
    let mut net = Net::new(&cpu, chain, gradients)?;
    cpu.memory().reset_peak();
    let stay = Sgd { rate: 0.0, momentum: 0.9, decay: 0.0 };
    net.train_step(&[T::one(); BATCH], &[0; BATCH], &stay)?;
    // The input and the labels are no part of a stack.
    Ok(cpu.memory().peak_bytes() - BATCH * (size_of::<T>() + size_of::<u32>()))
}

fn values(filler: Filler, shape: &[usize]) -> Result<Vec<f64>, NetError> {
    Ok(filler.fill::<f64>(&[shape[1]], 5)?)
}

fn planned<T: Number>(
    name: StrategyName,
    (filler, gradients): (Filler, Gradients),
) -> Result<MemoryPlan, NetError> {
    let mut prelus = Vec::new();
    for shape in SHAPES {
        let geometry = Geometry::from_shape(shape, 1, Sharing::PerChannel)?;
        let slopes = values(filler, shape)?.into_iter().map(T::from_f64);
        prelus.push((geometry, Slopes::learned(slopes.collect())));
    }
    let prelus: Vec<StackLayer<'_, T>> = prelus
        .iter()
        .map(|(geometry, slopes)| StackLayer { geometry: *geometry, slopes })
        .collect();
    let cpu = Cpu::new(1)?;
    let plan = stack::plan(&prelus, name, &cpu, gradients)?;
    assert_eq!(cpu.memory().peak_bytes(), 0, "planning allocates nothing");
    Ok(plan)
}

fn compare<T: Number>() -> Result<(), NetError> {
    for &name in StrategyName::ALL {
        for gradients in MODES {
            for slopes in [
                Filler::Constant(0.25),
                Filler::Constant(0.0),
                Filler::Uniform { low: -1.0, high: 1.0 },
            ] {
                let case = (slopes, gradients);
                let expected = planned::<T>(name, case)?.peak_bytes();
                for hand_over in [HandOver::Copy, HandOver::Direct] {
                    let found = counted::<T>(Method::in_place(name, hand_over), case)?;
                    assert_eq!(found, expected, "{name} {hand_over:?} {case:?} {}", T::DTYPE);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_planned_peak_is_the_counted_peak() -> Result<(), NetError> {
    compare::<f32>()?;
    compare::<f64>()
}

#[test]
fn the_peak_is_where_most_is_alive() -> Result<(), NetError> {
    let elements: usize = SHAPES.iter().map(|shape| shape.iter().product::<usize>()).sum();
    let largest = BATCH * 8 * 90 * 21;
    let case = |gradients| (Filler::Constant(0.25), gradients);
    let plan = planned::<f32>(StrategyName::DiffStash, case(Gradients::Resident))?;
    let (step, parts) = plan.peak();
    // The last PReLU's sums lie on the stack: nothing is added once the last tensor is there.
    assert_eq!(step.to_string(), "forward layer 5");
    assert_eq!(parts.workspace, 0, "{parts:?}");
    assert_eq!(parts.activations, 4 * elements);
    assert_eq!(parts.shared_buffer, 4 * largest);
    assert_eq!((parts.saved_words, parts.kept_channels, parts.outputs_for_masks), (0, 0, 0));
    let slopes: usize = SHAPES.iter().map(|shape| shape[1]).sum();
    // Value and momentum here; gradient, and sum in f64, there.
    assert_eq!(parts.parameters, slopes * 8);
    assert_eq!(parts.gradients, 4 * elements + slopes * (4 + 8));
    Ok(())
}
