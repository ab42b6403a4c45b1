//! `f16`: widened and rounded by instructions, in order.

use std::arch::x86_64::*;

use super::{Half, Products};

pub(in super::super) struct F16;

impl Half for F16 {
    const INFINITY: i16 = 0x7c00;
    const TO_HIGHEST: [[i32; 8]; 2] =
        [[31, 30, 29, 28, 27, 26, 25, 24], [23, 22, 21, 20, 19, 18, 17, 16]];
    const EXACT: bool = true;
    type Rounded = [__m128i; 2];

    #[inline(always)]
    unsafe fn load(from: *const i16) -> [__m256; 2] {
        // SAFETY: the caller's.
        unsafe {
            let (low, high) = (_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(8).cast()));
            [_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)]
        }
    }

    #[inline(always)]
    unsafe fn round([low, high]: [__m256; 2]) -> [__m128i; 2] {
        // SAFETY: the caller's.
        unsafe {
            let low = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(low);
            [low, _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(high)]
        }
    }

    #[inline(always)]
    unsafe fn store(to: *mut i16, [low, high]: [__m128i; 2]) {
        // SAFETY: the caller's.
        unsafe {
            _mm_storeu_si128(to.cast(), low);
            _mm_storeu_si128(to.add(8).cast(), high);
        }
    }

    #[inline(always)]
    unsafe fn bits([[a, b], [c, d]]: [[__m256; 2]; 2]) -> u64 {
        // SAFETY: the caller's.
        unsafe {
            let first = _mm256_packs_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b));
            let second = _mm256_packs_epi32(_mm256_castps_si256(c), _mm256_castps_si256(d));
            // By halves of vectors: the first four of each eight, then the others.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let all = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), order);
            u64::from(_mm256_movemask_epi8(all).cast_unsigned())
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
    unsafe fn hold(_: &Products) -> bool {
        true
    }

    /// `f32` holds every product.
    #[inline(always)]
    unsafe fn fours(products: Products) -> Option<[__m256; 2]> {
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
