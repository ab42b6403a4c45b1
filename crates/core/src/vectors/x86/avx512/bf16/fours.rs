//! Products of `bf16`, added up in fours: see [`crate::vectors::half_sums`].

use std::arch::x86_64::*;

use super::super::super::signs::Signs;
use super::super::half::add_to_lanes;
use super::by_parity;
use crate::vectors::half_sums::TOO_LARGE;
use crate::vectors::{CHUNK, LANES, bit};

/// The products of the elements of `part`, zeroes for others.
///
/// # Safety
/// The processor has AVX-512 F and BMI2.
#[inline(always)]
pub(super) unsafe fn part_of(mut products: [[__m512; 2]; 2], part: u64) -> [[__m512; 2]; 2] {
    let part = by_parity(part);
    for (products, part) in products.iter_mut().zip(part) {
        for (product, k) in products.iter_mut().zip(part) {
            // SAFETY: the caller's.
            *product = unsafe { _mm512_maskz_mov_ps(k, *product) };
        }
    }
    products
}

/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn in_fours([[a, b], [c, d]]: [[__m512; 2]; 2]) -> __m512 {
    // SAFETY: the caller's.
    unsafe { _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)) }
}

/// Adds sums of four of `part`, or else its terms one by one: see [`crate::vectors::half_sums`].
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
            *sums = one_by_one((g, b), signs, part, *sums);
        }
    }
}

/// Adds a row's products to fours, or none where `f32` does not hold the sums: see [`crate::vectors::half_sums`].
///
/// # Safety
/// The processor has AVX-512 F and DQ.
#[inline(always)]
pub(super) unsafe fn add_row(
    fours: [__m512; 4],
    products: [[__m512; 2]; 2],
) -> Option<[__m512; 4]> {
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

/// The terms of a chunk of `bf16` in `f64`.
///
/// # Safety
/// Pointers are good for the elements of `part`.
#[cold]
#[inline(never)]
unsafe fn one_by_one(
    (g, b): (*const i16, *const i16),
    signs: Signs,
    part: u64,
    mut sums: [f64; LANES],
) -> [f64; LANES] {
    for lane in (0..CHUNK).filter(|&lane| bit(part, lane)) {
        // SAFETY: the caller's.
        sums[lane % LANES] += unsafe { term(g.add(lane), b.add(lane), signs.from(lane)) };
    }
    sums
}

/// The terms of a chunk of `bf16` in `f64`, to a sum for each.
///
/// # Safety
/// Pointers are good for a chunk.
#[cold]
#[inline(never)]
pub(super) unsafe fn columns_one_by_one(
    (g, b): (*const i16, *const i16),
    signs: Signs,
    sums: &mut [f64; CHUNK],
) {
    for (lane, sum) in sums.iter_mut().enumerate() {
        // SAFETY: the caller's.
        *sum += unsafe { term(g.add(lane), b.add(lane), signs.from(lane)) };
    }
}

/// The term of the first of these elements, or 0 where it is positive.
///
/// # Safety
/// Pointers are good for it.
unsafe fn term(g: *const i16, b: *const i16, signs: Signs) -> f64 {
    let wide = |bits: i16| f64::from(f32::from_bits(u32::from(bits as u16) << 16));
    // SAFETY: the caller's.
    let (g, b) = unsafe { (wide(g.read()), wide(b.read())) };
    let positive = match signs {
        Signs::Bits(bits) => bit(bits, 0),
        Signs::OfBasis => b > 0.0,
    };
    if positive { 0.0 } else { g * b }
}
