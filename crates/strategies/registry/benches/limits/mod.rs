//! What memory allows: the simplest loops over the same tensors. They are compiled for the target's
//! baseline: from memory that was within 4 % of the command's limits, which take the widest registers.

use std::time::{Duration, Instant};

use prelu_mem_core::{Element, Error};

use crate::setting::Setting;

/// `a[i] = a[i] * s`: forward's limit.
#[allow(dead_code, reason = "each bench has one of the two limits")]
pub(crate) fn scale<T: Element>(setting: &mut Setting<T>) -> Result<Duration, Error> {
    let Setting { x, y, .. } = setting;
    y.copy_from_slice(x);
    let start = Instant::now();
    match size_of::<T>() {
        // Integers: the bytes are what matters, and two-byte floats have no arithmetic of their own.
        2 => cast_mut::<T, u16>(y).iter_mut().for_each(|a| *a = a.wrapping_mul(3)),
        4 => cast_mut::<T, f32>(y).iter_mut().for_each(|a| *a *= 0.999),
        _ => cast_mut::<T, f64>(y).iter_mut().for_each(|a| *a *= 0.999),
    }
    Ok(start.elapsed())
}

/// `g[i] = g[i] * s + y[i] * t`: backward's limit.
#[allow(dead_code, reason = "each bench has one of the two limits")]
pub(crate) fn triad<T: Element>(setting: &mut Setting<T>) -> Result<Duration, Error> {
    let Setting { x, y, grad, .. } = setting;
    y.copy_from_slice(x);
    grad.copy_from_slice(x);
    let start = Instant::now();
    match size_of::<T>() {
        2 => zip::<T, u16>(grad, y, |g, y| g.wrapping_mul(3).wrapping_add(y.wrapping_mul(5))),
        4 => zip::<T, f32>(grad, y, |g, y| g * 0.999 + y * 0.25),
        _ => zip::<T, f64>(grad, y, |g, y| g * 0.999 + y * 0.25),
    }
    Ok(start.elapsed())
}

fn zip<T: Element, U: bytemuck::Pod>(g: &mut [T], y: &[T], f: impl Fn(U, U) -> U) {
    let y: &[U] = bytemuck::cast_slice(y);
    cast_mut::<T, U>(g).iter_mut().zip(y).for_each(|(g, y)| *g = f(*g, *y));
}

fn cast_mut<T: Element, U: bytemuck::Pod>(values: &mut [T]) -> &mut [U] {
    bytemuck::cast_slice_mut(values)
}
