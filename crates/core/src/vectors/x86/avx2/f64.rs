//! `f64`: four to a vector.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::signs::{Pointers, Signs};
use super::Avx2;
use super::f64_backward::{negative, propagated};
use super::rests::{load4, store4};
use crate::vectors::slopes::{ByRun, ChunkSlopes};

const GROUP: usize = 4;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx2 {
    #[inline(always)]
    pub(super) unsafe fn signs_f64(self, x: *const f64, len: usize) -> u64 {
        let (mut bits, mut at) = (0, 0);
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                bits |= sign_bits(_mm256_loadu_pd(x.add(at))) << at;
                at += GROUP;
            }
            if at < len {
                bits |= sign_bits(load4(x.add(at), len - at)) << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn activate_f64(
        self,
        x: *mut f64,
        len: usize,
        slopes: &impl ChunkSlopes<f64>,
    ) -> u64 {
        let (mut bits, mut at) = (0, 0);
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                let (y, signs) = activated(_mm256_loadu_pd(x.add(at)), slopes_at(slopes, at));
                _mm256_storeu_pd(x.add(at), y);
                bits |= signs << at;
                at += GROUP;
            }
            if at < len {
                let (y, signs) = activated(load4(x.add(at), len - at), slopes_at(slopes, at));
                store4(x.add(at), len - at, y);
                bits |= signs << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_f64(
        self,
        (g, b, dx): Pointers<f64>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f64>,
    ) {
        let mut at = 0;
        // SAFETY: the caller's; where signs are those of the basis there is one.
        unsafe {
            while at < len {
                let (left, signs) = (len - at, signs.from(at));
                let basis = match signs {
                    Signs::OfBasis => load4(b.add(at), left),
                    Signs::Bits(_) => _mm256_setzero_pd(),
                };
                let v = load4(g.add(at), left);
                let v = propagated(v, negative(basis, signs, 0), slopes_at(slopes, at));
                store4(dx.add(at), left, v);
                at += GROUP;
            }
        }
    }
}

/// The slopes of four elements.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn slopes_at(slopes: &impl ChunkSlopes<f64>, at: usize) -> __m256d {
    let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
        return cast(slopes.group::<GROUP>(at));
    };
    // SAFETY: the caller's.
    unsafe {
        let at = at as i64;
        let lane = _mm256_setr_epi64x(at, at + 1, at + 2, at + 3);
        let [first_end, second_end] =
            [_mm256_set1_epi64x(ends[0] as i64), _mm256_set1_epi64x(ends[1] as i64)];
        let before_first = _mm256_castsi256_pd(_mm256_cmpgt_epi64(first_end, lane));
        let before_second = _mm256_castsi256_pd(_mm256_cmpgt_epi64(second_end, lane));
        let later = _mm256_blendv_pd(_mm256_set1_pd(third), _mm256_set1_pd(second), before_second);
        _mm256_blendv_pd(later, _mm256_set1_pd(first), before_first)
    }
}

/// The signs of four elements.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn sign_bits(v: __m256d) -> u64 {
    // SAFETY: the caller's.
    let bits = unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(v, _mm256_setzero_pd())) };
    u64::from(bits as u8)
}

/// Four outputs, and the signs of what they are made from.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn activated(v: __m256d, slope: __m256d) -> (__m256d, u64) {
    // SAFETY: the caller's.
    unsafe {
        let positive = _mm256_cmp_pd::<_CMP_GT_OQ>(v, _mm256_setzero_pd());
        let bits = u64::from(_mm256_movemask_pd(positive) as u8);
        let factor = _mm256_blendv_pd(slope, _mm256_set1_pd(1.0), positive);
        (_mm256_mul_pd(v, factor), bits)
    }
}
