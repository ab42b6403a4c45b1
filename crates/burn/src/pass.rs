//! One forward pass and its backward pass over a Flex tensor, for any element type and strategy.

use std::sync::{Arc, OnceLock};

use burn::backend::TensorMetadata;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Element as BurnElement, Shape, bf16, f16};
use prelu_mem_adaptive::Adaptive;
use prelu_mem_bitmask::Bitmask;
use prelu_mem_core::{Cpu, Element, Geometry, GradSlot, Sharing, Strategy as Engine};
use prelu_mem_full_copy::FullCopy;
use prelu_mem_int8_mask::Int8Mask;
use prelu_mem_output_sign::OutputSign;

use crate::error::Error;
use crate::memory_order;
use crate::planned::{Planned, Plans};
use crate::strategy::Strategy;

/// The engine that all layers of the process share: as many threads as rayon's, which are Flex's, and
/// the memory of every saved state, counted.
///
/// # Errors
/// No threads could be started, or `PRELU_MEM_SIMD` names a SIMD level that this processor lacks.
pub fn cpu() -> Result<&'static Cpu, Error> {
    static CPU: OnceLock<Result<Cpu, prelu_mem_core::Error>> = OnceLock::new();
    let cpu = CPU.get_or_init(|| Cpu::new(rayon::current_num_threads()));
    cpu.as_ref().map_err(|error| Error::Engine(error.clone()))
}

/// What a backward pass returns.
pub(crate) struct Gradients {
    pub(crate) input: FlexTensor,
    pub(crate) slopes: FlexTensor,
}

/// What waits for backward besides the output.
pub(crate) trait Saved: Send {
    /// Whether backward reads the output.
    fn needs_output(&self) -> bool;

    /// Turns the upstream gradient into both gradients. `output` is the tensor that forward returned.
    ///
    /// # Errors
    /// No memory.
    fn backward(
        self: Box<Self>,
        output: Option<FlexTensor>,
        upstream: FlexTensor,
    ) -> Result<Gradients, Error>;
}

/// Runs forward on `x`: in place where nobody else sees its memory, on a copy elsewhere.
///
/// # Errors
/// Element types that do not fit, another number of slopes than 1 or the channels, no memory.
pub(crate) fn forward(
    x: FlexTensor,
    slopes: &FlexTensor,
    learned: bool,
    strategy: Strategy,
    plans: &Plans,
) -> Result<(FlexTensor, Box<dyn Saved>), Error> {
    match x.dtype() {
        DType::F32 => with_element::<f32>(x, slopes, learned, strategy, plans),
        DType::F64 => with_element::<f64>(x, slopes, learned, strategy, plans),
        DType::F16 => with_element::<f16>(x, slopes, learned, strategy, plans),
        DType::BF16 => with_element::<bf16>(x, slopes, learned, strategy, plans),
        dtype => Err(Error::Dtype { dtype }),
    }
}

fn with_element<T: Element + BurnElement>(
    x: FlexTensor,
    slopes: &FlexTensor,
    learned: bool,
    strategy: Strategy,
    plans: &Plans,
) -> Result<(FlexTensor, Box<dyn Saved>), Error> {
    match strategy {
        Strategy::Adaptive => with_strategy::<Adaptive, T>(x, slopes, learned, plans),
        Strategy::Bitmask => with_strategy::<Bitmask, T>(x, slopes, learned, plans),
        Strategy::Int8Mask => with_strategy::<Int8Mask, T>(x, slopes, learned, plans),
        Strategy::OutputSign => with_strategy::<OutputSign, T>(x, slopes, learned, plans),
        Strategy::FullCopy => with_strategy::<FullCopy, T>(x, slopes, learned, plans),
    }
}

fn with_strategy<S, T>(
    x: FlexTensor,
    slopes: &FlexTensor,
    learned: bool,
    plans: &Plans,
) -> Result<(FlexTensor, Box<dyn Saved>), Error>
where
    S: Engine<Cpu, T, Saved: Send>,
    T: Element + BurnElement,
{
    if slopes.dtype() != T::dtype() {
        return Err(Error::SlopeDtype { input: T::dtype(), slopes: slopes.dtype() });
    }
    let axes = memory_order::axes(&x);
    let slopes = slopes.to_contiguous();
    let slopes = slopes.as_slice::<T>().unwrap_or_default();
    let geometry = geometry(&x.shape(), &axes, slopes.len())?;
    let planned = plans.get::<S, T>(&geometry, slopes, learned)?;

    let mut y = memory_order::compact::<T>(memory_order::permuted(x, &axes));
    let mut none = GradSlot::none();
    let saved = S::default().forward(cpu()?, &planned.plan, y.storage_mut(), &mut none)?;
    let y = memory_order::restored(y, &axes);
    Ok((y, Box::new(Pass::<S, T> { saved, planned, axes })))
}

/// The geometry of a tensor whose axes lie in memory in the order `axes`. Channels are axis 1.
fn geometry(shape: &Shape, axes: &[usize], slopes: usize) -> Result<Geometry, Error> {
    let in_memory: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    if slopes == 1 {
        return Ok(Geometry::from_shape(&in_memory, 0, Sharing::Shared)?);
    }
    let refused = || Error::SlopeCount { slopes, shape: shape.to_vec() };
    let channel_axis = axes.iter().position(|&axis| axis == 1).ok_or_else(refused)?;
    if in_memory[channel_axis] != slopes {
        return Err(refused());
    }
    Ok(Geometry::from_shape(&in_memory, channel_axis, Sharing::PerChannel)?)
}

/// One pass between forward and backward.
struct Pass<S: Engine<Cpu, T>, T: Element> {
    saved: S::Saved,
    planned: Arc<Planned<S, T>>,
    axes: Vec<usize>,
}

impl<S, T> Saved for Pass<S, T>
where
    S: Engine<Cpu, T, Saved: Send>,
    T: Element + BurnElement,
{
    fn needs_output(&self) -> bool {
        cpu().is_ok_and(|cpu| S::default().footprint(cpu, &self.planned.plan).needs_output)
    }

    fn backward(
        self: Box<Self>,
        output: Option<FlexTensor>,
        upstream: FlexTensor,
    ) -> Result<Gradients, Error> {
        let Pass { saved, planned, axes } = *self;
        let slopes = &planned.slopes;
        let cpu = cpu()?;
        let output = output.map(|output| memory_order::permuted(output, &axes));
        let output = output.as_ref().and_then(FlexTensor::as_slice::<T>);
        let mut gradient = memory_order::compact::<T>(memory_order::permuted(upstream, &axes));
        let mut sums = slopes.is_learned().then(|| vec![0.0_f64; slopes.values().len()]);

        let ready = S::default()
            .vacate(cpu, saved, &mut GradSlot::none(), None)
            .map_err(|refused| Error::Engine(refused.error))?;
        S::default()
            .backward(cpu, slopes, ready, output, gradient.storage_mut(), sums.as_deref_mut())
            .map_err(|refused| Error::Engine(refused.error))?;

        let sums = sums.unwrap_or_else(|| vec![0.0; slopes.values().len()]);
        let rounded: Vec<T> = sums.into_iter().map(T::from_f64).collect();
        let layout = Layout::contiguous(Shape::from([rounded.len()]));
        Ok(Gradients {
            input: memory_order::restored(gradient, &axes),
            slopes: FlexTensor::new(Bytes::from_elems(rounded), layout, T::dtype()),
        })
    }
}

#[cfg(test)]
mod tests;
