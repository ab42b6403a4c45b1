//! Products of `bf16`, added up in fours: see [`half_sums`].

use std::arch::x86_64::*;

use half::bf16;

use super::super::super::signs::Signs;
use super::super::half::add_to_lanes;
use super::EVEN;
use super::runs::ByParity;
use crate::vectors::half_sums::{self, TOO_LARGE};
use crate::vectors::{CHUNK, LANES, Lanes, bit, plain};

/// The products of the elements of `part`, zeroes for others.
///
/// # Safety
/// The processor has AVX-512 F and BMI2.
#[inline(always)]
pub(super) unsafe fn part_of(mut products: ByParity, part: u64) -> ByParity {
    let part = by_parity(part);
    for (products, part) in products.iter_mut().zip(part) {
        for (product, k) in products.iter_mut().zip(part) {
            // SAFETY: the caller's.
            *product = unsafe { _mm512_maskz_mov_ps(k, *product) };
        }
    }
    products
}

/// Bits of even and of odd elements, of either half of a chunk.
#[inline(always)]
fn by_parity(bits: u64) -> [[__mmask16; 2]; 2] {
    // SAFETY: the level's functions are compiled for BMI2, and this one is inlined into them.
    let [even, odd] = unsafe { [_pext_u64(bits, EVEN), _pext_u64(bits, !EVEN)] };
    [[even as u16, odd as u16], [(even >> 16) as u16, (odd >> 16) as u16]]
}

/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn in_fours([[a, b], [c, d]]: ByParity) -> __m512 {
    // SAFETY: the caller's.
    unsafe { _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)) }
}

/// Adds sums of four of `part` where they are small enough, which a NaN is not, or else looks again.
///
/// # Safety
/// Pointers are good for the elements of `part`.
#[inline(always)]
pub(super) unsafe fn add_fours(
    fours: __m512,
    (g, b, signs, part): (*const i16, *const i16, Signs, u64),
    sums: &mut [f64; LANES],
) {
    // SAFETY: the caller's.
    unsafe {
        let size = _mm512_abs_ps(fours);
        let beyond = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(size, _mm512_set1_ps(TOO_LARGE));
        if beyond == 0 {
            add_to_lanes(fours, sums);
        } else {
            *sums = sums_again((g, b), signs, part, *sums);
        }
    }
}

/// Adds a row's products to fours, or none where `f32` does not hold the sums: see [`crate::vectors::half_sums`].
///
/// # Safety
/// The processor has AVX-512 F and DQ.
#[inline(always)]
pub(super) unsafe fn add_row(fours: [__m512; 4], products: ByParity) -> Option<[__m512; 4]> {
    let mut next = fours;
    let mut beyond = 0;
    for (four, product) in next.iter_mut().zip(products.as_flattened()) {
        // SAFETY: the caller's.
        unsafe {
            *four = _mm512_add_ps(*four, *product);
            let size = _mm512_abs_ps(*four);
            beyond |= _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(size, _mm512_set1_ps(TOO_LARGE));
        }
    }
    (beyond == 0).then_some(next)
}

/// The sums with the terms of `part`, as [`half_sums`] has them. Before, a product that is not to be summed was 0 times
/// its basis, and where that is infinite, there was no sum.
///
/// # Safety
/// Pointers are good for the elements of `part`.
#[cold]
#[inline(never)]
unsafe fn sums_again(
    (g, b): (*const i16, *const i16),
    signs: Signs,
    part: u64,
    sums: [f64; LANES],
) -> [f64; LANES] {
    let mut lanes = Lanes { sums, ..Lanes::default() };
    // SAFETY: the caller's.
    let (g, basis) = unsafe { (widened(g, part), widened(b, part)) };
    plain::add_sums::<bf16>(&g, &basis, others(&basis, signs) & part, &mut lanes);
    lanes.sums
}

/// Adds a row's products to fours, or else its terms to their sums.
///
/// # Safety
/// Pointers are good for a chunk.
#[cold]
#[inline(never)]
pub(super) unsafe fn row_again(
    (g, b): (*const i16, *const i16),
    signs: Signs,
    fours: &mut [f32; CHUNK],
    sums: &mut [f64; CHUNK],
) {
    // SAFETY: the caller's.
    let (g, basis) = unsafe { (widened(g, u64::MAX), widened(b, u64::MAX)) };
    let which = others(&basis, signs);
    if let Some(next) = half_sums::add_row::<bf16>(fours, &g, &basis, which) {
        *fours = next;
        return;
    }
    half_sums::add_fours(fours, sums);
    for (sum, term) in sums.iter_mut().zip(plain::terms::<bf16>(&g, &basis, which)) {
        *sum += term;
    }
}

/// The elements of `part`, and zeroes.
///
/// # Safety
/// The pointer is good for the elements of `part`.
unsafe fn widened(from: *const i16, part: u64) -> [f32; CHUNK] {
    let mut wide = [0.0; CHUNK];
    for (lane, wide) in wide.iter_mut().enumerate().filter(|(lane, _)| bit(part, *lane)) {
        // SAFETY: the caller's.
        let bits = unsafe { from.add(lane).read() } as u16;
        *wide = f32::from_bits(u32::from(bits) << 16);
    }
    wide
}

/// Which elements are not positive.
fn others(basis: &[f32; CHUNK], signs: Signs) -> u64 {
    let mut others = 0;
    for (lane, &b) in basis.iter().enumerate() {
        let positive = match signs {
            Signs::Bits(bits) => bit(bits, lane),
            Signs::OfBasis => b > 0.0,
        };
        others |= u64::from(!positive) << lane;
    }
    others
}
