//! The rest of a chunk: loaded under a mask, stored in pieces. A masked store takes as long as ten others.

use std::arch::x86_64::*;

/// All ones in the first `len` lanes, less than eight.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn there8(len: usize) -> __m256i {
    static ONES: [[i32; 8]; 2] = [[-1; 8], [0; 8]];
    // SAFETY: the caller's; the eight from there on lie within.
    unsafe { _mm256_loadu_si256(ONES.as_ptr().cast::<i32>().add(8 - (len & 7)).cast()) }
}

/// # Safety
/// The pointer is good for `len` elements, or for eight of them.
#[inline(always)]
pub(super) unsafe fn load8(from: *const f32, len: usize) -> __m256 {
    // SAFETY: the caller's.
    unsafe { if len >= 8 { _mm256_loadu_ps(from) } else { _mm256_maskload_ps(from, there8(len)) } }
}

/// In pieces where there are fewer than eight.
///
/// # Safety
/// The pointer is good for `len` elements, or for eight of them.
#[inline(always)]
pub(super) unsafe fn store8(mut to: *mut f32, len: usize, v: __m256) {
    // SAFETY: the caller's.
    unsafe {
        if len >= 8 {
            return _mm256_storeu_ps(to, v);
        }
        let mut rest = _mm256_castps256_ps128(v);
        if len & 4 != 0 {
            _mm_storeu_ps(to, rest);
            (to, rest) = (to.add(4), _mm256_extractf128_ps::<1>(v));
        }
        if len & 2 != 0 {
            // `_mm_storel_pd` wants the alignment of an `f64`.
            to.cast::<f64>().write_unaligned(_mm_cvtsd_f64(_mm_castps_pd(rest)));
            (to, rest) = (to.add(2), _mm_movehl_ps(rest, rest));
        }
        if len & 1 != 0 {
            _mm_store_ss(to, rest);
        }
    }
}

/// All ones in the first `len` lanes, less than four.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn there4(len: usize) -> __m256i {
    static ONES: [[i64; 4]; 2] = [[-1; 4], [0; 4]];
    // SAFETY: the caller's; the four from there on lie within.
    unsafe { _mm256_loadu_si256(ONES.as_ptr().cast::<i64>().add(4 - (len & 3)).cast()) }
}

/// # Safety
/// The pointer is good for `len` elements, or for four of them.
#[inline(always)]
pub(super) unsafe fn load4(from: *const f64, len: usize) -> __m256d {
    // SAFETY: the caller's.
    unsafe { if len >= 4 { _mm256_loadu_pd(from) } else { _mm256_maskload_pd(from, there4(len)) } }
}

/// In pieces where there are fewer than four.
///
/// # Safety
/// The pointer is good for `len` elements, or for four of them.
#[inline(always)]
pub(super) unsafe fn store4(mut to: *mut f64, len: usize, v: __m256d) {
    // SAFETY: the caller's.
    unsafe {
        if len >= 4 {
            return _mm256_storeu_pd(to, v);
        }
        let mut rest = _mm256_castpd256_pd128(v);
        if len & 2 != 0 {
            _mm_storeu_pd(to, rest);
            (to, rest) = (to.add(2), _mm256_extractf128_pd::<1>(v));
        }
        if len & 1 != 0 {
            _mm_store_sd(to, rest);
        }
    }
}
