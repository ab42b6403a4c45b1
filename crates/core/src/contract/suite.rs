//! One case of one strategy on one backend, held against the oracle.

use std::fmt;
use std::sync::Arc;

use half::{bf16, f16};

use super::case::Case;
use super::host::Host;
use super::oracle::{self, Expected};
use super::values::Tensors;
use super::{bound, refusals};
use crate::codec::{Channel, Word};
use crate::element::{Dtype, Element};
use crate::error::{Error, Refused};
use crate::footprint::Footprint;
use crate::geometry::Geometry;
use crate::loan::{GradSlot, SharedBuffer};
use crate::slopes::Slopes;
use crate::strategy::{PlanInfo, Strategy};

/// How a case went that met everything asked of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Elements of the tensor.
    pub elements: usize,
    /// Bytes saved from forward to backward: allocated and predicted ones are the same.
    pub saved_bytes: usize,
    /// The largest error of a slope gradient over its [`bound`]: at most 1.
    pub worst_of_bound: f64,
}

/// A case that a strategy failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Strategy, dtype and the case's name.
    pub case: String,
    /// What differs.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.reason)
    }
}

impl std::error::Error for Failure {}

/// Runs strategy `S` through a case:
///
/// - `y` and `dx` have the oracle's bits (any NaN for a NaN, since Rust promises no NaN's bits);
/// - `da` is within its [`bound`], is added to what the slope gradient holds, and is not touched
///   where the slopes are frozen;
/// - allocated bytes are the predicted ones, after forward and at backward's peak;
/// - refused calls (on tensors up to 512 elements) leave everything as it was, and can be corrected.
///
/// # Errors
/// The first of these that does not hold.
pub fn run_case<S, B, T>(backend: &B, case: &Case<T>) -> Result<Outcome, Failure>
where
    S: Strategy<B, T>,
    B: Host,
    T: Element,
{
    let run = || {
        let trial = Trial::<S, B, T>::new(backend, case)?;
        let worst_of_bound = trial.check()?;
        if case.elements() <= 512 {
            refusals::check(&trial)?;
        }
        let saved_bytes = trial.footprint.saved_bytes();
        Ok(Outcome { elements: case.elements(), saved_bytes, worst_of_bound })
    };
    run().map_err(|Reason(reason)| Failure {
        case: format!("{} {}, {}", S::NAME, T::DTYPE, case.name()),
        reason,
    })
}

/// Why a case failed.
pub(super) struct Reason(pub(super) String);

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        Reason(error.to_string())
    }
}

impl<S> From<Refused<S>> for Reason {
    fn from(refused: Refused<S>) -> Self {
        refused.error.into()
    }
}

/// A strategy planned for a case, its tensors and what is expected of it.
pub(super) struct Trial<'a, S: Strategy<B, T>, B: Host, T: Element> {
    pub(super) backend: &'a B,
    pub(super) case: &'a Case<T>,
    pub(super) slopes: Slopes<T>,
    pub(super) plan: Arc<S::Plan>,
    pub(super) footprint: Footprint,
    pub(super) tensors: Tensors<T>,
    pub(super) expected: Expected,
}

impl<'a, S: Strategy<B, T>, B: Host, T: Element> Trial<'a, S, B, T> {
    fn new(backend: &'a B, case: &'a Case<T>) -> Result<Self, Reason> {
        let geometry = Geometry::from_shape(&case.shape, case.axis, case.sharing)?;
        let values = case.slopes.clone();
        let slopes = if case.frozen { Slopes::frozen(values) } else { Slopes::learned(values) };
        let plan = S::default().plan(&geometry, &slopes)?;
        let footprint = S::default().footprint(backend, &plan);
        let tensors = Tensors::of(case)?;
        let expected = oracle::run(
            (&case.shape, case.axis),
            &exact(&case.slopes),
            (&exact(&tensors.x), &exact(&tensors.g)),
            rounding(T::DTYPE),
        );
        Ok(Trial { backend, case, slopes, plan, footprint, tensors, expected })
    }

    /// Returns the worst error of a slope gradient over its bound.
    fn check(&self) -> Result<f64, Reason> {
        let zeroes = vec![0.0; self.case.slopes.len()];
        let first = self.pass(&zeroes)?;
        let worst = self.judge(&first)?;
        let held: Vec<f64> = (0..zeroes.len()).map(|slope| slope as f64 / 3.0 - 7.0).collect();
        let second = self.pass(&held)?;
        let added: Vec<f64> = held.iter().zip(&first).map(|(held, first)| held + first).collect();
        same("slope gradient added to one that is there", &second, &added)?;
        Ok(worst)
    }

    /// Forward, vacate and backward, with every tensor and every byte checked. Returns the slope
    /// gradient, which held `held` before.
    fn pass(&self, held: &[f64]) -> Result<Vec<f64>, Reason> {
        let (backend, footprint) = (self.backend, self.footprint);
        let len = self.case.elements();
        let mut x = self.filled(&self.tensors.x)?;
        let mut slot = GradSlot::new(backend.alloc(len)?);
        let shared = SharedBuffer::new(backend.alloc(len)?);
        let mut slope_gradient = self.filled(held)?;

        let before = backend.live_bytes();
        let saved =
            S::default().forward(backend, &self.plan, B::view_mut(&mut x, len), &mut slot)?;
        let allocated = backend.live_bytes() - before;
        bytes("saved by forward", footprint.saved_bytes(), allocated)?;
        same("output", &exact(&self.read(&x)?), &self.expected.output)?;

        let ready = S::default().vacate(backend, saved, &mut slot, Some(&shared))?;
        bytes("saved after vacate", footprint.saved_bytes(), backend.live_bytes() - before)?;
        let grad = slot.get_mut()?;
        backend.upload(&self.tensors.g, B::view_mut(grad, len))?;

        backend.reset_peak();
        let output = footprint.needs_output.then(|| B::view(&x, len));
        let sums = B::view_mut(&mut slope_gradient, held.len());
        let grad_view = B::view_mut(grad, len);
        S::default().backward(backend, &self.slopes, ready, output, grad_view, Some(sums))?;
        let peak = backend.peak_bytes() - before - footprint.saved_bytes();
        bytes("workspace of backward", footprint.workspace_bytes, peak)?;
        bytes("left after backward", 0, backend.live_bytes() - before)?;

        same("input gradient", &exact(&self.read(grad)?), &self.expected.input_gradient)?;
        Ok(backend.download(B::view(&slope_gradient, held.len()))?)
    }

    /// Holds a slope gradient against the oracle's; returns the worst error over its bound.
    pub(super) fn judge(&self, got: &[f64]) -> Result<f64, Reason> {
        if self.case.frozen {
            return same("slope gradient of frozen slopes", got, &vec![0.0; got.len()])
                .map(|()| 0.0);
        }
        let mut worst = 0.0_f64;
        for (index, (&got, terms)) in got.iter().zip(&self.expected.slopes).enumerate() {
            let slope = self.case.slopes[index].to_f64();
            let from_output = self.footprint.needs_output
                && self.plan.classes()[index] != Channel::Kept
                && bound::output_may_do::<T>(slope);
            let of_bound = error_over_bound::<T>(got, terms, slope, from_output);
            if of_bound > 1.0 {
                return Err(Reason(format!(
                    "slope gradient {index} (slope {slope}): expected {:e}, got {got:e}, {of_bound:.3} times the bound",
                    terms.gradient
                )));
            }
            worst = worst.max(of_bound);
        }
        Ok(worst)
    }

    /// A buffer of these values.
    pub(super) fn filled<U: Word>(&self, values: &[U]) -> Result<B::Buffer<U>, Reason> {
        let mut buffer = self.backend.alloc(values.len())?;
        self.backend.upload(values, B::view_mut(&mut buffer, values.len()))?;
        Ok(buffer)
    }

    /// A buffer's values.
    pub(super) fn read<U: Word>(&self, buffer: &B::Buffer<U>) -> Result<Vec<U>, Reason> {
        Ok(self.backend.download(B::view(buffer, B::len(buffer)))?)
    }
}

fn error_over_bound<T: Element>(
    got: f64,
    terms: &oracle::Slope,
    slope: f64,
    from_output: bool,
) -> f64 {
    let miss = |met: bool| if met { 0.0 } else { f64::INFINITY };
    let expected = terms.gradient;
    if !expected.is_finite() {
        // An infinite upstream gradient times an output that underflowed to zero is a NaN.
        let any = from_output && !terms.upstream.is_finite();
        return miss(if any { !got.is_finite() } else { identical(got, expected) });
    }
    let bound = bound::slope_gradient::<T>(slope, from_output, terms);
    if bound.is_infinite() {
        return 0.0;
    }
    match (got - expected).abs() {
        0.0 => 0.0,
        error if bound > 0.0 && error.is_finite() => error / bound,
        _ => f64::INFINITY,
    }
}

/// The element type's rounding of an exact product. Halves go through `f32`: their products are
/// exact there, unless subnormal.
fn rounding(dtype: Dtype) -> fn(f64) -> f64 {
    match dtype {
        Dtype::F16 => |product| f16::from_f32(product as f32).to_f64(),
        Dtype::Bf16 => |product| bf16::from_f32(product as f32).to_f64(),
        Dtype::F32 => |product| f64::from(product as f32),
        Dtype::F64 => |product| product,
    }
}

pub(super) fn exact<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}

fn identical(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Bit for bit, but for the bits of a NaN.
pub(super) fn same(what: &str, got: &[f64], expected: &[f64]) -> Result<(), Reason> {
    if got.len() != expected.len() {
        let lengths = format!("expected {} values, got {}", expected.len(), got.len());
        return Err(Reason(format!("{what}: {lengths}")));
    }
    match got.iter().zip(expected).position(|(&got, &expected)| !identical(got, expected)) {
        None => Ok(()),
        Some(at) => {
            let (expected, got) = (expected[at], got[at]);
            Err(Reason(format!("{what}: expected {expected:e} at {at}, got {got:e}")))
        }
    }
}

fn bytes(what: &str, predicted: usize, allocated: usize) -> Result<(), Reason> {
    if predicted == allocated {
        return Ok(());
    }
    Err(Reason(format!("bytes {what}: predicted {predicted}, allocated {allocated}")))
}
