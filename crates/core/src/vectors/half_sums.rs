//! Sums of products of two-byte types: four products at a time in `f32`, the sums of those in `f64`.
//!
//! ```text
//! p[j]    = g[j] * basis[j] where it is to be summed, else 0      in f32
//! sum[i]  = (p[i0] + p[i1]) + (p[i2] + p[i3])                     in f32, 16 sums of 4
//! ```
//!
//! A product of two `f16` is exact in `f32`, and so is one of two `bf16` but where it leaves the range
//! of `f32`: an underflow loses at most 2^-150, half the smallest `f32`. Two additions round each term, by 2^-24 of the
//! partial sum each. Where a sum in `bf16` reaches 2^100, so that a product may have overflowed, the chunk's terms are
//! summed in `f64` one by one.
//!
//! Where channels are the fastest axis, four rows of a period ([`crate::Plan::period`]):
//!
//! ```text
//! for each of four rows:  four[column] = four[column] + p[column]     in f32
//! sum[column] = sum[column] + four[column]                            in f64
//! ```
//!
//! Three additions round a term. Where a four would reach 2^100, those before it go to their sums, and this row's terms
//! one by one in `f64`.

use super::plain::mask32;
use super::{CHUNK, LANES};
use crate::element::{Dtype, Element};

/// Sums from here on are left to `f64`: 2^100.
pub(super) const TOO_LARGE: f32 = f32::from_bits((127 + 100) << 23);

/// The sums of four of a chunk of two-byte elements, or none where `f32` does not hold them.
#[inline(always)]
pub(super) fn of<T: Element>(
    g: &[T::Wide; CHUNK],
    basis: &[T::Wide; CHUNK],
    which: u64,
) -> Option<[f32; LANES]> {
    let (g, basis): (&[f32; CHUNK], &[f32; CHUNK]) =
        (bytemuck::cast_ref(g), bytemuck::cast_ref(basis));
    let mut products = [0.0_f32; CHUNK];
    for (lane, product) in products.iter_mut().enumerate() {
        let set = mask32(which, lane / 4)[lane % 4];
        *product = f32::from_bits((g[lane] * basis[lane]).to_bits() & set);
    }
    let mut sums = [0.0; LANES];
    if T::DTYPE == Dtype::F16 {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = (products[i] + products[i + 16]) + (products[i + 32] + products[i + 48]);
        }
        return Some(sums);
    }
    // Neighbours share a 32-bit lane, from which shifts and masks make two numbers.
    for (i, sum) in sums.iter_mut().enumerate() {
        let (first, second) = (products[2 * i] + products[2 * i + 1], 2 * i + 32);
        *sum = first + (products[second] + products[second + 1]);
    }
    let mut fits = true;
    for sum in sums {
        fits &= sum.abs() < TOO_LARGE;
    }
    fits.then_some(sums)
}

/// Adds a row's products to fours, or none where `f32` does not hold the sums.
#[inline(always)]
pub(super) fn add_row<T: Element>(
    fours: &[f32; CHUNK],
    g: &[T::Wide; CHUNK],
    basis: &[T::Wide; CHUNK],
    which: u64,
) -> Option<[f32; CHUNK]> {
    const MAGNITUDE: u32 = u32::MAX >> 1;
    let (g, basis): (&[f32; CHUNK], &[f32; CHUNK]) =
        (bytemuck::cast_ref(g), bytemuck::cast_ref(basis));
    let mut next = *fours;
    // Its highest bit tells of a sum from the limit on, or of a NaN: in bits, so that it vectorises.
    let mut beyond = 0;
    for (row, four) in next.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let set = mask32(which, row);
        for (lane, sum) in four.iter_mut().enumerate() {
            let at = 4 * row + lane;
            *sum += f32::from_bits((g[at] * basis[at]).to_bits() & set[lane]);
            beyond |= (TOO_LARGE.to_bits() - 1).wrapping_sub(sum.to_bits() & MAGNITUDE);
        }
    }
    (T::DTYPE == Dtype::F16 || beyond >> 31 == 0).then_some(next)
}

/// See [`Vectors::add_fours`](super::Vectors::add_fours), for fours in order.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn add_fours(fours: &mut [f32; CHUNK], sums: &mut [f64; CHUNK]) {
    for (sum, four) in sums.iter_mut().zip(&mut *fours) {
        *sum += f64::from(*four);
    }
    *fours = [0.0; CHUNK];
}
