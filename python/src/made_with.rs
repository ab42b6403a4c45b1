//! What a plan was made of, in `f64` values of the caller's that travel with the saved state.
//!
//! ```text
//! the axes from slowest to fastest in memory, padded with -1 to AXES | the slopes
//! ```
//!
//! With it, backward reads a saved state as it was written, whatever happened to the slopes or to the layout of
//! tensors since.

use std::slice;

use half::{bf16, f16};
use prelu_mem_core::Dtype;

use crate::errors::Failure;

/// The most axes a tensor may have.
pub(crate) const AXES: usize = 8;

/// Writes axes and slopes.
///
/// # Safety
/// At `to` there are `AXES + slopes.1` values to write, at `slopes.0` as many of `dtype` as `slopes.1` says.
pub(crate) unsafe fn write(
    to: u64,
    order: &[usize],
    dtype: Dtype,
    slopes: (u64, usize),
) -> Result<(), Failure> {
    if order.len() > AXES {
        return Err(Failure::Axes { got: order.len() });
    }
    // SAFETY: by the caller's word.
    let to = unsafe { values_mut(to, AXES + slopes.1) };
    let (axes, values) = to.split_at_mut(AXES);
    axes.fill(-1.0);
    for (to, &axis) in axes.iter_mut().zip(order) {
        *to = axis as f64;
    }
    for (index, to) in values.iter_mut().enumerate() {
        // SAFETY: as above; read without asking for alignment.
        unsafe {
            *to = match dtype {
                Dtype::F16 => (slopes.0 as *const f16).add(index).read_unaligned().to_f64(),
                Dtype::Bf16 => (slopes.0 as *const bf16).add(index).read_unaligned().to_f64(),
                Dtype::F32 => (slopes.0 as *const f32).add(index).read_unaligned().into(),
                Dtype::F64 => (slopes.0 as *const f64).add(index).read_unaligned(),
            }
        };
    }
    Ok(())
}

/// What was written, for a tensor of this dtype.
pub(crate) struct MadeWith {
    order: Vec<usize>,
    /// The slopes' bytes in the dtype.
    pub(crate) slopes: Box<[u8]>,
    pub(crate) count: usize,
}

impl MadeWith {
    /// # Safety
    /// At `at.0` there are `at.1` values that [`write`] wrote.
    pub(crate) unsafe fn read(at: (u64, usize), dtype: Dtype) -> Result<Self, Failure> {
        let Some(count) = at.1.checked_sub(AXES) else {
            return Err(Failure::MadeWith { got: at.1 });
        };
        // SAFETY: by the caller's word.
        let values = unsafe { slice::from_raw_parts(at.0 as *const f64, at.1) };
        let (axes, slopes) = values.split_at(AXES);
        let order =
            axes.iter().take_while(|&&axis| axis >= 0.0).map(|&axis| axis as usize).collect();
        // The slopes were of this dtype: what is rounded here is what was widened there.
        let slopes = slopes.iter();
        let slopes = match dtype {
            Dtype::F16 => slopes.flat_map(|&slope| f16::from_f64(slope).to_ne_bytes()).collect(),
            Dtype::Bf16 => slopes.flat_map(|&slope| bf16::from_f64(slope).to_ne_bytes()).collect(),
            Dtype::F32 => slopes.flat_map(|&slope| (slope as f32).to_ne_bytes()).collect(),
            Dtype::F64 => slopes.flat_map(|&slope| slope.to_ne_bytes()).collect(),
        };
        Ok(MadeWith { order, slopes, count })
    }

    /// Whether a tensor of these strides, in elements, is gapless and its axes lie in the order that was written.
    pub(crate) fn fits(&self, shape: &[usize], strides: &[isize]) -> bool {
        if self.order.len() != shape.len() || shape.len() != strides.len() {
            return false;
        }
        if shape.contains(&0) {
            // Strides of no elements mean nothing.
            return true;
        }
        let mut step = 1;
        for &axis in self.order.iter().rev() {
            let (Some(&size), Some(&stride)) = (shape.get(axis), strides.get(axis)) else {
                return false;
            };
            if size > 1 && usize::try_from(stride) != Ok(step) {
                return false;
            }
            step *= size;
        }
        true
    }
}

/// # Safety
/// There are so many values to write, which nobody else uses meanwhile.
unsafe fn values_mut<'a>(at: u64, len: usize) -> &'a mut [f64] {
    // SAFETY: by the caller's word.
    unsafe { slice::from_raw_parts_mut(at as *mut f64, len) }
}
