//! Backward of `f32`: eight elements read once, summed and propagated.
//!
//! ```text
//! for each sixteen:  negative = not basis > 0, or the bits
//!                    sum of its lanes += g * basis where negative
//!                    dx = g * (slope where negative, else 1)
//! ```

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::signs::{Pointers, Signs};
use super::Avx2;
use super::f32::slopes_at;
use super::f64_backward::{negative as wide_negative, term};
use super::rests::{load8, store8};
use crate::vectors::slopes::ChunkSlopes;
use crate::vectors::{LANES, bit};

const GROUP: usize = 8;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx2 {
    #[inline(always)]
    pub(super) unsafe fn backward_f32(
        self,
        (g, b, dx): Pointers<f32>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        sums: &mut [f64; LANES],
    ) {
        let [mut s0, mut s1, mut s2, mut s3]: [__m256d; 4] = cast(*sums);
        let mut at = 0;
        // SAFETY: the caller's; elements are written after they were read.
        unsafe {
            while at + LANES <= len {
                let (signs, next) = (signs.from(at), at + GROUP);
                let here = (g.add(at), b.add(at), dx.add(at));
                (s0, s1) = eight(here, signs, 0, slopes_at(slopes, at), (s0, s1));
                let here = (g.add(next), b.add(next), dx.add(next));
                (s2, s3) = eight(here, signs, GROUP, slopes_at(slopes, next), (s2, s3));
                at += LANES;
            }
            if at + GROUP <= len {
                let here = (g.add(at), b.add(at), dx.add(at));
                (s0, s1) = eight(here, signs.from(at), 0, slopes_at(slopes, at), (s0, s1));
                at += GROUP;
                if at < len {
                    let here = (g.add(at), b.add(at), dx.add(at));
                    let slope = slopes_at(slopes, at);
                    (s2, s3) = rest(here, len - at, signs.from(at), slope, (s2, s3));
                }
            } else if at < len {
                let here = (g.add(at), b.add(at), dx.add(at));
                let slope = slopes_at(slopes, at);
                (s0, s1) = rest(here, len - at, signs.from(at), slope, (s0, s1));
            }
        }
        *sums = cast([s0, s1, s2, s3]);
    }

    /// With a sum for each element.
    #[inline(always)]
    pub(super) unsafe fn backward_columns_f32(
        self,
        (g, b, dx): Pointers<f32>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        row: &mut [f64],
    ) {
        let row = &mut row[..len];
        let mut at = 0;
        // SAFETY: the caller's; the row is as long, and elements are written after they were read.
        unsafe {
            while at + LANES <= len {
                let (to, signs, next) = (row.as_mut_ptr().add(at), signs.from(at), at + GROUP);
                let here = (g.add(at), b.add(at), dx.add(at));
                column8(here, signs, 0, slopes_at(slopes, at), to);
                let here = (g.add(next), b.add(next), dx.add(next));
                column8(here, signs, GROUP, slopes_at(slopes, next), to.add(GROUP));
                at += LANES;
            }
            for (lane, sum) in row.iter_mut().enumerate().skip(at) {
                let (g, b) = (*g.add(lane), *b.add(lane));
                let positive = match signs {
                    Signs::Bits(bits) => bit(bits, lane),
                    Signs::OfBasis => b > 0.0,
                };
                *sum += if positive { 0.0 } else { f64::from(g) * f64::from(b) };
                *dx.add(lane) = g * if positive { 1.0 } else { slopes.lane(lane) };
            }
        }
    }
}

/// Whole eight.
///
/// # Safety
/// Pointers are good for eight elements.
#[inline(always)]
unsafe fn eight(
    (g, b, dx): Pointers<f32>,
    signs: Signs,
    at: usize,
    slope: __m256,
    (s0, s1): (__m256d, __m256d),
) -> (__m256d, __m256d) {
    // SAFETY: the caller's.
    unsafe {
        let negative = negative(_mm256_loadu_ps(b), signs, at);
        let v = propagated(_mm256_loadu_ps(g), negative, slope);
        let (g4, b4) = (wide(g), wide(b));
        let s0 = add(g4, b4, wide_negative(b4, signs, at), s0);
        let (g4, b4) = (wide(g.add(4)), wide(b.add(4)));
        let s1 = add(g4, b4, wide_negative(b4, signs, at + 4), s1);
        _mm256_storeu_ps(dx, v);
        (s0, s1)
    }
}

/// Whole eight with a sum for each. In memory a sum that a blend keeps would become a masked store: 0 is added
/// instead.
///
/// # Safety
/// Pointers are good for eight elements and sums.
#[inline(always)]
unsafe fn column8(
    (g, b, dx): Pointers<f32>,
    signs: Signs,
    at: usize,
    slope: __m256,
    sums: *mut f64,
) {
    // SAFETY: the caller's.
    unsafe {
        let negative = negative(_mm256_loadu_ps(b), signs, at);
        let v = propagated(_mm256_loadu_ps(g), negative, slope);
        let (g4, b4) = (wide(g), wide(b));
        add_to(sums, term(g4, b4, wide_negative(b4, signs, at), signs));
        let (g4, b4) = (wide(g.add(4)), wide(b.add(4)));
        add_to(sums.add(4), term(g4, b4, wide_negative(b4, signs, at + 4), signs));
        _mm256_storeu_ps(dx, v);
    }
}

/// The first `len` of eight; behind the last, zeroes are added.
///
/// # Safety
/// Pointers are good for `len` elements.
#[inline(always)]
unsafe fn rest(
    (g, b, dx): Pointers<f32>,
    len: usize,
    signs: Signs,
    slope: __m256,
    (s0, s1): (__m256d, __m256d),
) -> (__m256d, __m256d) {
    // SAFETY: the caller's.
    unsafe {
        let (g, b) = (load8(g, len), load8(b, len));
        let negative = negative(b, signs, 0);
        let g4 = _mm256_cvtps_pd(_mm256_castps256_ps128(g));
        let b4 = _mm256_cvtps_pd(_mm256_castps256_ps128(b));
        let s0 = add(g4, b4, wide_negative(b4, signs, 0), s0);
        let s1 = if len > 4 {
            let g4 = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(g));
            let b4 = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(b));
            add(g4, b4, wide_negative(b4, signs, 4), s1)
        } else {
            s1
        };
        store8(dx, len, propagated(g, negative, slope));
        (s0, s1)
    }
}

/// The eight lanes that are not positive, for a blend, which looks at the highest bit of a lane; bits begin
/// at `at`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn negative(b: __m256, signs: Signs, at: usize) -> __m256 {
    // SAFETY: the caller's.
    unsafe {
        match signs {
            Signs::OfBasis => _mm256_cmp_ps::<_CMP_NGT_UQ>(b, _mm256_setzero_ps()),
            Signs::Bits(bits) => {
                let last = _mm256_set1_epi32(24 - at as i32);
                let own = _mm256_add_epi32(_mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0), last);
                let all = _mm256_broadcastd_epi32(_mm_cvtsi64_si128(!bits.cast_signed()));
                _mm256_castsi256_ps(_mm256_sllv_epi32(all, own))
            }
        }
    }
}

/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn propagated(g: __m256, negative: __m256, slope: __m256) -> __m256 {
    // SAFETY: the caller's.
    unsafe { _mm256_mul_ps(g, _mm256_blendv_ps(_mm256_set1_ps(1.0), slope, negative)) }
}

/// Adds four products in the lanes of `which`. The product of two `f32` is exact, and a sum is never -0: to
/// keep it is to add 0.
///
/// # Safety
/// The processor has AVX2 and FMA.
#[inline(always)]
unsafe fn add(g: __m256d, b: __m256d, which: __m256d, sum: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe { _mm256_blendv_pd(sum, _mm256_fmadd_pd(g, b, sum), which) }
}

/// # Safety
/// The pointer is good for four elements.
#[inline(always)]
unsafe fn wide(x: *const f32) -> __m256d {
    // SAFETY: the caller's.
    unsafe { _mm256_cvtps_pd(_mm_loadu_ps(x)) }
}

/// Adds terms to sums in memory.
///
/// # Safety
/// The pointer is good for four sums.
#[inline(always)]
unsafe fn add_to(sums: *mut f64, terms: __m256d) {
    // SAFETY: the caller's.
    unsafe { _mm256_storeu_pd(sums, _mm256_add_pd(_mm256_loadu_pd(sums), terms)) }
}
