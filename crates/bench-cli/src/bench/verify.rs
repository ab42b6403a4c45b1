//! Every subject's gradients against the oracle, before anything is timed.

use std::collections::HashSet;

use prelu_mem_core::contract::oracle;
use prelu_mem_core::{Element, GradSlot, SharedBuffer};

use super::interrupt;
use super::progress::Progress;
use super::subject::Subject;
use super::target::Layer;
use super::tile::Tile;
use super::way::Pass;
use crate::device::Device;
use crate::failure::Failure;

/// How one strategy's gradients compare with the oracle's, over all layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// Whether every bit of every input gradient agrees.
    pub(super) input_gradient_exact: bool,
    /// The largest error of any slope gradient, over the layer's largest slope gradient.
    pub(super) slope_gradient_relative_error: f64,
}

/// What backward has to find for one layer.
struct Reference<T> {
    input_gradient: Vec<T>,
    slope_gradient: Vec<f64>,
}

/// One verdict for each subject. Layers with the same shape and slopes are looked at once.
pub(super) fn all<B: Device, T: Element>(
    (backend, shared): (&B, Option<&SharedBuffer<B, T>>),
    layers: &[Layer<T>],
    subjects: &[Box<dyn Subject<B, T>>],
    seed: u64,
    progress: &Progress,
) -> Result<Vec<Verdict>, Failure> {
    let start = Verdict { input_gradient_exact: true, slope_gradient_relative_error: 0.0 };
    let mut verdicts = vec![start; subjects.len()];
    let longest = layers.iter().map(|layer| layer.geometry.len()).max().unwrap_or(1);
    let (inputs, upstream) =
        (Tile::new(backend, seed, longest)?, Tile::new(backend, seed.wrapping_add(1), longest)?);
    let mut seen = HashSet::new();
    for (index, layer) in layers.iter().enumerate() {
        let slopes: Vec<u64> =
            layer.slopes.values().iter().map(|slope| slope.to_f64().to_bits()).collect();
        if !seen.insert((&layer.shape, slopes)) {
            continue;
        }
        let elements = layer.geometry.len();
        let mut x = backend.alloc::<T>(elements)?;
        let mut slot = GradSlot::<B, T>::new(backend.alloc(elements)?);
        inputs.fill(backend, &mut x, elements)?;
        let grad = slot.get_mut()?;
        upstream.fill(backend, grad, elements)?;
        progress.show(format!("reference for layer {} of {}", index + 1, layers.len()), 0.0);
        let reference = backend.read(B::view(&x, elements), |x| {
            backend.read(B::view(grad, elements), |g| reference(layer, x, g))
        })??;
        for (subject, verdict) in subjects.iter().zip(&mut verdicts) {
            if interrupt::stop_asked() {
                return Err(Failure::Interrupted(
                    "stopped by Ctrl-C before the first sample".into(),
                ));
            }
            inputs.fill(backend, &mut x, elements)?;
            let mut sums = backend.alloc(layer.geometry.slopes())?;
            let pass =
                Pass { x: &mut x, slot: &mut slot, shared, upstream: &upstream, sums: &mut sums };
            subject.run_layer(backend, (index, layer), pass)?;
            let found = B::view(slot.get_mut()?, elements);
            verdict.input_gradient_exact &=
                backend.read(found, |found| same_bits(found, &reference.input_gradient))?;
            let sums = B::view(&sums, layer.geometry.slopes());
            let error =
                backend.read(sums, |sums| relative_error(sums, &reference.slope_gradient))?;
            verdict.slope_gradient_relative_error =
                verdict.slope_gradient_relative_error.max(error);
        }
    }
    Ok(verdicts)
}

/// What the oracle finds, one item of the batch at a time, so that its `f64` tensors stay small.
fn reference<T: Element>(layer: &Layer<T>, x: &[T], g: &[T]) -> Reference<T> {
    let item = item_shape(&layer.shape, layer.axis);
    let length: usize = item.iter().product();
    let wide = |values: &[T]| values.iter().map(|value| value.to_f64()).collect::<Vec<f64>>();
    let slopes = wide(layer.slopes.values());
    let mut reference = Reference {
        input_gradient: Vec::with_capacity(x.len()),
        slope_gradient: vec![0.0; slopes.len()],
    };
    for (x, g) in x.chunks(length).zip(g.chunks(length)) {
        let expected =
            oracle::run((&item, layer.axis), &slopes, (&wide(x), &wide(g)), rounded::<T>);
        reference.input_gradient.extend(expected.input_gradient.into_iter().map(T::from_f64));
        for (total, slope) in reference.slope_gradient.iter_mut().zip(&expected.slopes) {
            *total += slope.gradient;
        }
    }
    reference
}

/// The shape of one item of the batch; the whole tensor where its first axis is the channels'.
fn item_shape(shape: &[usize], axis: usize) -> Vec<usize> {
    let mut item = shape.to_vec();
    if axis > 0 {
        item[0] = 1;
    }
    item
}

/// Bytes that the verification of one layer needs at its peak, besides the saved state.
pub(super) fn bytes_needed<T: Element>(shape: &[usize], axis: usize) -> u64 {
    let size = |shape: &[usize]| shape.iter().product::<usize>() as u64;
    // x, the gradient and the gradient to compare with; x, g, y and dx of one item in f64, which is 4 x 8 bytes, and
    // half as much again while a list grows.
    let tensors = (3 * size_of::<T>() as u64).saturating_mul(size(shape));
    tensors.saturating_add(size(&item_shape(shape, axis)).saturating_mul(48))
}

fn rounded<T: Element>(value: f64) -> f64 {
    T::from_f64(value).to_f64()
}

/// Equal bit for bit; any NaN equals any other.
fn same_bits<T: Element>(found: &[T], expected: &[T]) -> bool {
    let bits = bytemuck::bytes_of::<T>;
    found
        .iter()
        .zip(expected)
        .all(|(f, e)| bits(f) == bits(e) || (nan(f.to_f64()) && nan(e.to_f64())))
}

fn nan(value: f64) -> bool {
    value.is_nan()
}

/// The largest difference over the largest expected value; infinite where nothing, or nothing finite, is expected but
/// something else is found.
fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    let difference =
        |(f, e): (&f64, &f64)| if f == e || (nan(*f) && nan(*e)) { 0.0 } else { (f - e).abs() };
    let worst = found.iter().zip(expected).map(difference).fold(0.0, larger);
    let finite = expected.iter().filter(|e| e.is_finite());
    let scale = finite.map(|e| e.abs()).fold(0.0, f64::max);
    match worst {
        0.0 => 0.0,
        worst if worst.is_nan() => f64::INFINITY,
        worst => worst / scale,
    }
}

/// The larger one; NaN where either is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use prelu_mem_core::{Geometry, Sharing, Slopes};

    use super::*;

    #[test]
    fn items_of_a_batch_add_up_to_the_whole() -> Result<(), Box<dyn std::error::Error>> {
        let (shape, axis) = (vec![3, 2, 2], 1);
        let geometry = Geometry::from_shape(&shape, axis, Sharing::PerChannel)?;
        let slopes = Slopes::learned(vec![0.5_f32, -2.0]);
        let layer = Layer { shape, axis, geometry, slopes };
        let x = [1.0, -1.0, 2.0, -2.0, -3.0, 3.0, 4.0, -4.0, 5.0, 5.0, -6.0, -6.0];
        let found = reference(&layer, &x, &[1.0; 12]);
        let expected = [1.0, 0.5, 1.0, -2.0, 0.5, 1.0, 1.0, -2.0, 1.0, 1.0, -2.0, -2.0];
        assert_eq!(found.input_gradient, expected);
        assert_eq!(found.slope_gradient, [-4.0, -18.0]);
        Ok(())
    }

    #[test]
    fn errors_are_relative_to_the_largest() {
        assert_eq!(relative_error(&[1.0, -8.0], &[1.0, -8.0]), 0.0);
        assert_eq!(relative_error(&[1.5, -8.0], &[1.0, -8.0]), 0.0625);
        assert_eq!(relative_error(&[0.0], &[0.0]), 0.0);
        assert_eq!(relative_error(&[1.0], &[0.0]), f64::INFINITY);
        assert_eq!(relative_error(&[f64::NAN, 1.0], &[1.0, 1.0]), f64::INFINITY);
        assert_eq!(relative_error(&[1.0, f64::NAN], &[1.0, 1.0]), f64::INFINITY);
        assert_eq!(relative_error(&[1.0, 2.0], &[f64::NAN, 2.0]), f64::INFINITY);
        assert_eq!(
            relative_error(&[f64::NAN, f64::INFINITY, 1.5], &[f64::NAN, f64::INFINITY, 1.0]),
            0.5
        );
    }

    #[test]
    fn zeros_of_either_sign_differ_and_nans_do_not() {
        assert!(same_bits(&[f32::NAN, 1.0], &[-f32::NAN, 1.0]));
        assert!(same_bits(&[0.0_f32, 1.0], &[0.0, 1.0]));
        assert!(!same_bits(&[0.0_f32, 1.0], &[-0.0, 1.0]));
    }
}
