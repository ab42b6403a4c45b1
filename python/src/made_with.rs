//! What a plan was made of, in `f64` values of the caller's that travel with the saved state.
//!
//! ```text
//! the axes from slowest to fastest in memory, padded with -1 to AXES | the slopes
//! ```
//!
//! With it, backward reads a saved state as it was written, whatever happened to the slopes or to the layout of
//! tensors since.

use std::cmp::Reverse;
use std::slice;

use half::{bf16, f16};
use prelu_mem_core::Dtype;

use crate::errors::Failure;

/// The most axes a tensor may have.
pub(crate) const AXES: usize = 8;

/// A tensor's axes from slowest to fastest; where strides say nothing, as they come.
pub(crate) fn memory_order(shape: &[usize], strides: &[isize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    if shape.contains(&0) {
        return order;
    }
    let long: Vec<usize> = order.iter().copied().filter(|&axis| shape[axis] != 1).collect();
    let mut sorted = long.clone();
    sorted.sort_by_key(|&axis| Reverse(strides.get(axis)));
    for (place, axis) in long.into_iter().zip(sorted) {
        order[place] = axis;
    }
    order
}

/// Writes axes and slopes.
///
/// # Safety
/// At `to` there are `AXES` values and one for each slope to write.
pub(crate) unsafe fn write(to: u64, order: &[usize], slopes: &[f64]) {
    // SAFETY: by the caller's word.
    let to = unsafe { slice::from_raw_parts_mut(to as *mut f64, AXES + slopes.len()) };
    let (axes, values) = to.split_at_mut(AXES);
    axes.fill(-1.0);
    for (to, &axis) in axes.iter_mut().zip(order) {
        *to = axis as f64;
    }
    values.copy_from_slice(slopes);
}

/// What was written, for a tensor of this dtype.
pub(crate) struct MadeWith {
    pub(crate) order: Vec<usize>,
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
}

/// Whether a tensor of these strides, in elements, is gapless and its axes lie in this order.
pub(crate) fn fits(order: &[usize], shape: &[usize], strides: &[isize]) -> bool {
    if order.len() != shape.len() || shape.len() != strides.len() {
        return false;
    }
    if shape.contains(&0) {
        // Strides of no elements mean nothing.
        return true;
    }
    let mut step = 1;
    for &axis in order.iter().rev() {
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
