//! `f32`: eight to a vector, four where they are summed.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::rests::{load8, store8, there8};
use super::{Avx2, mask4};
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{LANES, bit};

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
        g: *const f32,
        dx: *mut f32,
        len: usize,
        signs: u64,
        slopes: &impl ChunkSlopes<f32>,
    ) {
        let mut at = 0;
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                let factor = factors(signs >> at, 0, slopes_at(slopes, at));
                _mm256_storeu_ps(dx.add(at), _mm256_mul_ps(_mm256_loadu_ps(g.add(at)), factor));
                at += GROUP;
            }
            if at < len {
                let factor = factors(signs >> at, 0, slopes_at(slopes, at));
                store8(dx.add(at), len - at, _mm256_mul_ps(load8(g.add(at), len - at), factor));
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn sum_f32(
        self,
        g: *const f32,
        b: *const f32,
        len: usize,
        which: u64,
        sums: &mut [f64; LANES],
    ) {
        let mut lanes: [__m256d; 4] = cast(*sums);
        let mut at = 0;
        // SAFETY: the caller's.
        unsafe {
            while at + LANES <= len {
                lanes = add16(g.add(at), b.add(at), which >> at, lanes);
                at += LANES;
            }
            if at < len {
                lanes = add_rest(g.add(at), b.add(at), len - at, which >> at, lanes);
            }
        }
        *sums = cast(lanes);
    }

    /// [`Avx2::sum_f32`] of the elements whose signs are not set and [`Avx2::propagate_f32`], sixteen at a
    /// time.
    #[inline(always)]
    pub(super) unsafe fn backward_f32(
        self,
        (g, b, dx): (*const f32, *const f32, *mut f32),
        len: usize,
        signs: u64,
        slopes: &impl ChunkSlopes<f32>,
        sums: &mut [f64; LANES],
    ) {
        let mut lanes: [__m256d; 4] = cast(*sums);
        let mut at = 0;
        // SAFETY: the caller's; elements are written after they were read.
        unsafe {
            while at + LANES <= len {
                let (signs, next) = (signs >> at, at + GROUP);
                lanes = add16(g.add(at), b.add(at), !signs, lanes);
                let low = factors(signs, 0, slopes_at(slopes, at));
                let high = factors(signs, GROUP, slopes_at(slopes, next));
                let low = _mm256_mul_ps(_mm256_loadu_ps(g.add(at)), low);
                let high = _mm256_mul_ps(_mm256_loadu_ps(g.add(next)), high);
                _mm256_storeu_ps(dx.add(at), low);
                _mm256_storeu_ps(dx.add(next), high);
                at += LANES;
            }
            if at < len {
                let (g, b, dx) = (g.add(at), b.add(at), dx.add(at));
                let (left, signs) = (len - at, signs >> at);
                lanes = add_rest(g, b, left, !signs, lanes);
                let factor = factors(signs, 0, slopes_at(slopes, at));
                store8(dx, left, _mm256_mul_ps(load8(g, left), factor));
                if left > GROUP {
                    let factor = factors(signs, GROUP, slopes_at(slopes, at + GROUP));
                    let v = _mm256_mul_ps(load8(g.add(GROUP), left - GROUP), factor);
                    store8(dx.add(GROUP), left - GROUP, v);
                }
            }
        }
        *sums = cast(lanes);
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

/// 1 where the sign is set, else the slope, of the eight elements whose signs begin at bit `at`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn factors(signs: u64, at: usize, slope: __m256) -> __m256 {
    // SAFETY: the caller's.
    unsafe {
        // A blend looks at the highest bit of a lane.
        let last = 24 - at as i32;
        let own =
            _mm256_add_epi32(_mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set1_epi32(last));
        let positive = _mm256_sllv_epi32(_mm256_set1_epi32(signs as i32), own);
        _mm256_blendv_ps(slope, _mm256_set1_ps(1.0), _mm256_castsi256_ps(positive))
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

/// Adds those of sixteen elements whose bits are set to as many lanes.
///
/// # Safety
/// Pointers are good for sixteen elements.
#[inline(always)]
unsafe fn add16(g: *const f32, b: *const f32, which: u64, lanes: [__m256d; 4]) -> [__m256d; 4] {
    let [s0, s1, s2, s3] = lanes;
    // SAFETY: the caller's.
    unsafe {
        [
            add4(g, b, select(which, 0), s0),
            add4(g.add(4), b.add(4), select(which, 4), s1),
            add4(g.add(8), b.add(8), select(which, 8), s2),
            add4(g.add(12), b.add(12), select(which, 12), s3),
        ]
    }
}

/// The same for the first `len` of them.
///
/// # Safety
/// Pointers are good for `len` elements.
#[inline(always)]
unsafe fn add_rest(
    g: *const f32,
    b: *const f32,
    len: usize,
    which: u64,
    mut lanes: [__m256d; 4],
) -> [__m256d; 4] {
    for (four, lane) in lanes.iter_mut().enumerate() {
        let at = 4 * four;
        // SAFETY: the caller's; behind the last element zeroes are added.
        unsafe {
            if at + 4 <= len {
                *lane = add4(g.add(at), b.add(at), select(which, at as i64), *lane);
            } else if at < len {
                let there = _mm256_castsi256_si128(there8(len - at));
                let (g, b) = (_mm_maskload_ps(g.add(at), there), _mm_maskload_ps(b.add(at), there));
                *lane = add(g, b, select(which, at as i64), *lane);
            }
        }
    }
    lanes
}

/// The four lanes whose bits begin at `at`, for a blend: it looks at the highest bit of a lane.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn select(bits: u64, at: i64) -> __m256d {
    // SAFETY: the caller's.
    unsafe {
        let own = _mm256_setr_epi64x(63 - at, 62 - at, 61 - at, 60 - at);
        _mm256_castsi256_pd(_mm256_sllv_epi64(_mm256_set1_epi64x(bits as i64), own))
    }
}

/// Adds four products in the lanes that `select` has.
///
/// # Safety
/// Pointers are good for four elements.
#[inline(always)]
unsafe fn add4(g: *const f32, b: *const f32, select: __m256d, sum: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe { add(_mm_loadu_ps(g), _mm_loadu_ps(b), select, sum) }
}

/// The product of two `f32` is exact, and a sum is never -0: to keep it is to add 0.
///
/// # Safety
/// The processor has AVX2 and FMA.
#[inline(always)]
unsafe fn add(g: __m128, b: __m128, select: __m256d, sum: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe {
        let next = _mm256_fmadd_pd(_mm256_cvtps_pd(g), _mm256_cvtps_pd(b), sum);
        _mm256_blendv_pd(sum, next, select)
    }
}
