//! `f32`: eight to a vector.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::signs::{Pointers, Signs};
use super::f32_backward::{negative, propagated};
use super::rests::{load8, store8};
use super::{Avx2, mask4};
use crate::vectors::bit;
use crate::vectors::slopes::{ByRun, ChunkSlopes};

const GROUP: usize = 8;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx2 {
    #[inline(always)]
    pub(super) unsafe fn signs_f32(self, x: *const f32, len: usize) -> u64 {
        let (mut bits, mut at) = (0, 0);
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                bits |= sign_bits(_mm256_loadu_ps(x.add(at))) << at;
                at += GROUP;
            }
            if at < len {
                bits |= sign_bits(load8(x.add(at), len - at)) << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn activate_f32(
        self,
        x: *mut f32,
        len: usize,
        slopes: &impl ChunkSlopes<f32>,
    ) -> u64 {
        let (mut bits, mut at) = (0, 0);
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                let (y, signs) = activated(_mm256_loadu_ps(x.add(at)), slopes_at(slopes, at));
                _mm256_storeu_ps(x.add(at), y);
                bits |= signs << at;
                at += GROUP;
            }
            if at < len {
                let (y, signs) = activated(load8(x.add(at), len - at), slopes_at(slopes, at));
                store8(x.add(at), len - at, y);
                bits |= signs << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_f32(
        self,
        (g, b, dx): Pointers<f32>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) {
        let mut at = 0;
        // SAFETY: the caller's; where signs are those of the basis there is one.
        unsafe {
            while at < len {
                let (left, signs) = (len - at, signs.from(at));
                let basis = match signs {
                    Signs::OfBasis => load8(b.add(at), left),
                    Signs::Bits(_) => _mm256_setzero_ps(),
                };
                let v = load8(g.add(at), left);
                let v = propagated(v, negative(basis, signs, 0), slopes_at(slopes, at));
                store8(dx.add(at), left, v);
                at += GROUP;
            }
        }
    }

    /// Adds each of `which` to a sum of its own. In memory a sum that a blend keeps would become a masked
    /// store: 0 is added instead.
    #[inline(always)]
    pub(super) unsafe fn row_f32(
        self,
        g: *const f32,
        b: *const f32,
        len: usize,
        which: u64,
        row: &mut [f64],
    ) {
        let row = &mut row[..len];
        let mut at = 0;
        while at + 4 <= len {
            // SAFETY: the caller's; the row is as long.
            unsafe {
                let to = row.as_mut_ptr().add(at);
                let (g, b) = (_mm_loadu_ps(g.add(at)), _mm_loadu_ps(b.add(at)));
                let product = _mm256_mul_pd(_mm256_cvtps_pd(g), _mm256_cvtps_pd(b));
                let term = _mm256_and_pd(product, mask4(which >> at));
                _mm256_storeu_pd(to, _mm256_add_pd(_mm256_loadu_pd(to), term));
            }
            at += 4;
        }
        for (lane, sum) in row.iter_mut().enumerate().skip(at) {
            // SAFETY: the caller's.
            let (g, b) = unsafe { (*g.add(lane), *b.add(lane)) };
            *sum += if bit(which, lane) { f64::from(g) * f64::from(b) } else { 0.0 };
        }
    }
}

/// The signs of eight elements.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn sign_bits(v: __m256) -> u64 {
    // SAFETY: the caller's.
    let bits = unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(v, _mm256_setzero_ps())) };
    u64::from(bits as u8)
}

/// Eight outputs, and the signs of what they are made from.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn activated(v: __m256, slope: __m256) -> (__m256, u64) {
    // SAFETY: the caller's.
    unsafe {
        let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(v, _mm256_setzero_ps());
        let bits = u64::from(_mm256_movemask_ps(positive) as u8);
        let factor = _mm256_blendv_ps(slope, _mm256_set1_ps(1.0), positive);
        (_mm256_mul_ps(v, factor), bits)
    }
}

/// The slopes of eight elements.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn slopes_at(slopes: &impl ChunkSlopes<f32>, at: usize) -> __m256 {
    let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
        return cast(slopes.group::<GROUP>(at));
    };
    // SAFETY: the caller's.
    unsafe {
        let at = at as i32;
        let lane = _mm256_setr_epi32(at, at + 1, at + 2, at + 3, at + 4, at + 5, at + 6, at + 7);
        let [first_end, second_end] =
            [_mm256_set1_epi32(ends[0] as i32), _mm256_set1_epi32(ends[1] as i32)];
        let before_first = _mm256_castsi256_ps(_mm256_cmpgt_epi32(first_end, lane));
        let before_second = _mm256_castsi256_ps(_mm256_cmpgt_epi32(second_end, lane));
        let later = _mm256_blendv_ps(_mm256_set1_ps(third), _mm256_set1_ps(second), before_second);
        _mm256_blendv_ps(later, _mm256_set1_ps(first), before_first)
    }
}
