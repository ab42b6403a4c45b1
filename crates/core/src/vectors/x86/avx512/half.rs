//! What `f16` and `bf16` share: signs, which are those of integers, and sums.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx512;
use crate::vectors::{CHUNK, LANES, lowest};

pub(super) const WHOLE: usize = 32;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    /// `infinity` is the type's, as bits.
    #[inline(always)]
    pub(super) unsafe fn signs_half(self, x: *const i16, len: usize, infinity: i16) -> u64 {
        let mut bits = 0;
        for at in (0..CHUNK).step_by(WHOLE) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            let k = unsafe { positive(load32(x.add(at), len - at), infinity) };
            bits |= u64::from(k) << at;
        }
        bits
    }
}

/// Which are greater than 0 and at most infinity: less one and unsigned, so that 0 wraps around.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
pub(super) unsafe fn positive(x: __m512i, infinity: i16) -> __mmask32 {
    // SAFETY: the caller's.
    unsafe {
        let less_one = _mm512_sub_epi16(x, _mm512_set1_epi16(1));
        _mm512_cmplt_epu16_mask(less_one, _mm512_set1_epi16(infinity))
    }
}

/// # Safety
/// The processor has AVX-512 F and DQ.
#[inline(always)]
pub(super) unsafe fn widen(v: __m512) -> [__m512d; 2] {
    // SAFETY: the caller's.
    unsafe {
        let (low, high) = (_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
        [_mm512_cvtps_pd(low), _mm512_cvtps_pd(high)]
    }
}

/// # Safety
/// The processor has AVX-512 F and DQ.
#[inline(always)]
pub(super) unsafe fn add_to_lanes(terms: __m512, sums: &mut [f64; LANES]) {
    let mut lanes: [__m512d; 2] = cast(*sums);
    // SAFETY: the caller's.
    unsafe {
        let [low, high] = widen(terms);
        lanes = [_mm512_add_pd(lanes[0], low), _mm512_add_pd(lanes[1], high)];
    }
    *sums = cast(lanes);
}

/// Adds terms to sums in memory.
///
/// # Safety
/// The pointer is good for `len` elements, or for eight of them.
#[inline(always)]
pub(super) unsafe fn add8(terms: __m512d, to: *mut f64, len: usize) {
    // SAFETY: the caller's.
    unsafe {
        if len >= 8 {
            _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), terms));
        } else {
            let there = lowest(len) as u8;
            let sums = _mm512_maskz_loadu_pd(there, to);
            _mm512_mask_storeu_pd(to, there, _mm512_add_pd(sums, terms));
        }
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for 32 of them.
#[inline(always)]
pub(super) unsafe fn load32(from: *const i16, len: usize) -> __m512i {
    // SAFETY: the caller's.
    unsafe {
        if len >= WHOLE {
            _mm512_loadu_si512(from.cast())
        } else {
            _mm512_maskz_loadu_epi16(lowest(len) as u32, from)
        }
    }
}
