//! `f16`: widened and rounded by instructions, in order.

use std::arch::x86_64::*;

use super::{CHUNK, GROUP, Half};

pub(in super::super) struct F16;

impl Half for F16 {
    const INFINITY: i16 = 0x7c00;
    const TO_HIGHEST: [[i32; 8]; 2] =
        [[31, 30, 29, 28, 27, 26, 25, 24], [23, 22, 21, 20, 19, 18, 17, 16]];

    #[inline(always)]
    unsafe fn widen(x: __m256i) -> [__m256; 2] {
        // SAFETY: the caller's.
        unsafe {
            let (low, high) = (_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
            [_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)]
        }
    }

    #[inline(always)]
    unsafe fn narrow([low, high]: [__m256; 2]) -> __m256i {
        // SAFETY: the caller's.
        unsafe {
            let low = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(low);
            let high = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(high);
            _mm256_set_m128i(high, low)
        }
    }

    #[inline(always)]
    unsafe fn arrange(slopes: [__m256; 2]) -> [__m256; 2] {
        slopes
    }

    #[inline(always)]
    unsafe fn in_order(vectors: [__m256; 2]) -> [__m256; 2] {
        vectors
    }

    #[inline(always)]
    unsafe fn hold(_: &[[__m256; 2]; CHUNK / GROUP]) -> bool {
        true
    }

    /// `f32` holds every product.
    #[inline(always)]
    unsafe fn fours(products: [[__m256; 2]; CHUNK / GROUP]) -> Option<[__m256; 2]> {
        let [p0, p1, p2, p3] = products;
        // SAFETY: the caller's.
        unsafe {
            Some([
                _mm256_add_ps(_mm256_add_ps(p0[0], p1[0]), _mm256_add_ps(p2[0], p3[0])),
                _mm256_add_ps(_mm256_add_ps(p0[1], p1[1]), _mm256_add_ps(p2[1], p3[1])),
            ])
        }
    }
}
