//! The layer on `ndarray` arrays: any dense order of the axes, and clear refusals of the rest.

use std::error::Error as StdError;

use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis, ShapeBuilder, s};
use prelu_mem_core::contract::oracle;
use prelu_mem_core::{
    Cpu, Error, GradSlot, Identity, Layer, Owned, Recipe, Refused, Sharing, SignOfOutput, Slopes,
};

type Done = Result<(), Box<dyn StdError>>;

#[derive(Clone, Copy, Default)]
struct Copying;

impl Recipe<f64> for Copying {
    const NAME: &'static str = "copying";
    type Codec = Identity;
    type Home = Owned;
}

#[derive(Clone, Copy, Default)]
struct Reading;

impl Recipe<f64> for Reading {
    const NAME: &'static str = "reading";
    type Codec = SignOfOutput;
    type Home = Owned;
}

/// Powers of two: the slope gradient from the output is exact too.
const SLOPES: [f64; 3] = [0.25, -0.5, 0.0];

fn layer<R: Recipe<f64, Codec = C, Home = Owned>, C: prelu_mem_core::Codec<f64>>(
    strategy: R,
) -> Result<Layer<R, Cpu, f64>, Error> {
    Layer::new(Cpu::new(2)?, strategy, Slopes::learned(SLOPES.to_vec()))
}

fn value(seed: usize, (n, c, i): (usize, usize, usize)) -> f64 {
    ((n * 31 + c * 17 + i * 7 + seed) % 13) as f64 - 6.0
}

/// One pass over arrays that hold the same numbers in whatever order.
fn pass<R, C>(strategy: R, mut x: ArrayViewMut3<'_, f64>, mut g: ArrayViewMut3<'_, f64>) -> Done
where
    R: Recipe<f64, Codec = C, Home = Owned>,
    C: prelu_mem_core::Codec<f64>,
{
    let (x_before, g_before): (Vec<f64>, Vec<f64>) =
        (x.iter().copied().collect(), g.iter().copied().collect());
    let shape = x.shape().to_vec();
    let expected = oracle::run((&shape, 1), &SLOPES, (&x_before, &g_before), |product| product);
    let mut layer = layer(strategy)?;
    let mut slot = GradSlot::none();
    let saved = layer.forward_array(x.view_mut(), 1, Sharing::PerChannel, &mut slot)?;
    let ready = layer.vacate_array(saved, &mut slot, None).map_err(|refused| refused.error)?;
    layer.backward_array(ready, Some(x.view()), g.view_mut()).map_err(|refused| refused.error)?;
    assert_eq!(x.iter().copied().collect::<Vec<_>>(), expected.output);
    assert_eq!(g.iter().copied().collect::<Vec<_>>(), expected.input_gradient);
    let gradients: Vec<f64> = expected.slopes.iter().map(|slope| slope.gradient).collect();
    assert_eq!(layer.slope_gradient(), gradients);
    Ok(())
}

fn both(x: &mut Array3<f64>, g: &mut Array3<f64>, order: [usize; 3]) -> Done {
    let (x_copy, g_copy) = (x.clone(), g.clone());
    pass(Copying, x.view_mut().permuted_axes(order), g.view_mut().permuted_axes(order))?;
    x.assign(&x_copy);
    g.assign(&g_copy);
    pass(Reading, x.view_mut().permuted_axes(order), g.view_mut().permuted_axes(order))
}

#[test]
fn c_order() -> Done {
    let mut x = Array3::from_shape_fn((4, 3, 35), |at| value(0, at));
    let mut g = Array3::from_shape_fn((4, 3, 35), |at| value(5, at));
    both(&mut x, &mut g, [0, 1, 2])
}

#[test]
fn fortran_order() -> Done {
    let mut x = Array3::from_shape_fn((4, 3, 35).f(), |at| value(0, at));
    let mut g = Array3::from_shape_fn((4, 3, 35).f(), |at| value(5, at));
    both(&mut x, &mut g, [0, 1, 2])
}

#[test]
fn channels_last_in_memory() -> Done {
    let mut x = Array3::from_shape_fn((4, 35, 3), |at| value(0, at));
    let mut g = Array3::from_shape_fn((4, 35, 3), |at| value(5, at));
    both(&mut x, &mut g, [0, 2, 1])
}

#[test]
fn empty_arrays() -> Done {
    let (mut x, mut g) = (Array3::zeros((0, 3, 5)), Array3::zeros((0, 3, 5)));
    both(&mut x, &mut g, [0, 1, 2])
}

fn refusal(mut x: ArrayViewMut3<'_, f64>) -> Result<Error, Box<dyn StdError>> {
    let before = x.to_owned();
    let forward =
        layer(Copying)?.forward_array(x.view_mut(), 1, Sharing::PerChannel, &mut GradSlot::none());
    assert_eq!(x, before, "a refused forward leaves x as it was");
    Ok(forward.err().ok_or("the array was accepted")?)
}

#[test]
fn gaps_and_reversed_axes_are_refused() -> Done {
    let mut x = Array3::from_shape_fn((4, 3, 8), |at| value(0, at));
    let gaps = refusal(x.slice_mut(s![.., .., ..5]))?;
    assert!(matches!(&gaps, Error::NotDense { shape, .. } if shape == &[4, 3, 5]), "{gaps}");
    let mut reversed = x.view_mut();
    reversed.invert_axis(Axis(2));
    let reversed = refusal(reversed)?;
    assert!(matches!(&reversed, Error::NotDense { strides, .. } if strides[2] == -1), "{reversed}");
    Ok(())
}

#[test]
fn an_axis_that_is_not_there_and_a_wrong_slope_count_are_refused() -> Done {
    let mut x = Array3::from_shape_fn((2, 4, 5), |at| value(0, at));
    let count = refusal(x.view_mut())?;
    assert_eq!(count, Error::SlopeCount { expected: 4, got: 3 });
    let axis = layer(Copying)?
        .forward_array(x.view_mut(), 3, Sharing::PerChannel, &mut GradSlot::none())
        .err();
    assert_eq!(axis, Some(Error::Axis { axis: 3, shape: vec![2, 4, 5] }));
    Ok(())
}

#[test]
fn gradients_and_outputs_laid_out_otherwise_are_refused() -> Done {
    let mut x = Array3::from_shape_fn((4, 3, 5), |at| value(0, at));
    let upstream = Array3::from_shape_fn((4, 3, 5), |at| value(5, at));
    let mut fortran = Array3::zeros((4, 3, 5).f());
    fortran.assign(&upstream);
    let mut layer = layer(Reading)?;
    let mut slot = GradSlot::none();
    let saved = layer.forward_array(x.view_mut(), 1, Sharing::PerChannel, &mut slot)?;
    let mut ready = layer.vacate_array(saved, &mut slot, None).map_err(|refused| refused.error)?;

    let (fortran_output, flat) = (fortran.clone(), x.clone());
    let flat = flat.into_shape_with_order((4, 5, 3))?;
    let wrong: [(&str, ArrayView3<'_, f64>, &mut Array3<f64>); 3] = [
        ("upstream gradient", x.view(), &mut fortran),
        ("output", fortran_output.view(), &mut upstream.clone()),
        ("output", flat.view(), &mut upstream.clone()),
    ];
    for (argument, output, grad) in wrong {
        let before = grad.clone();
        match layer.backward_array(ready, Some(output), grad.view_mut()) {
            Ok(()) => return Err(format!("{argument} was accepted").into()),
            Err(Refused { error, state }) => {
                assert!(
                    matches!(&error, Error::LayoutDiffers { what, .. } if *what == argument),
                    "{error}"
                );
                ready = state;
            }
        }
        assert_eq!(*grad, before, "a refused backward leaves the gradient as it was");
    }
    let mut grad = upstream;
    layer
        .backward_array(ready, Some(x.view()), grad.view_mut())
        .map_err(|refused| refused.error)?;
    Ok(())
}
