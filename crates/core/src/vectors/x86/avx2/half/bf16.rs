//! `bf16`: two share a lane of 32 bits, from which a shift makes the first and a mask the second.

use std::arch::x86_64::*;

use super::{Half, Products};
use crate::vectors::half_sums::TOO_LARGE;

const UPPER: i32 = 0xffff_0000_u32.cast_signed();

pub(in super::super) struct Bf16;

impl Half for Bf16 {
    const INFINITY: i16 = 0x7f80;
    const TO_HIGHEST: [[i32; 8]; 2] =
        [[31, 29, 27, 25, 23, 21, 19, 17], [30, 28, 26, 24, 22, 20, 18, 16]];
    const EXACT: bool = false;
    type Rounded = __m256i;

    #[inline(always)]
    unsafe fn load(from: *const i16) -> [__m256; 2] {
        // SAFETY: the caller's.
        unsafe {
            let x = _mm256_loadu_si256(from.cast());
            let even = _mm256_slli_epi32::<16>(x);
            let odd = _mm256_and_si256(x, _mm256_set1_epi32(UPPER));
            [_mm256_castsi256_ps(even), _mm256_castsi256_ps(odd)]
        }
    }

    #[inline(always)]
    unsafe fn round([even, odd]: [__m256; 2]) -> __m256i {
        // SAFETY: the caller's.
        unsafe {
            let even = _mm256_srli_epi32::<16>(rounded(even));
            _mm256_blend_epi16::<0b1010_1010>(even, rounded(odd))
        }
    }

    #[inline(always)]
    unsafe fn store(to: *mut i16, elements: __m256i) {
        // SAFETY: the caller's.
        unsafe { _mm256_storeu_si256(to.cast(), elements) }
    }

    #[inline(always)]
    unsafe fn bits([first, second]: [[__m256; 2]; 2]) -> u64 {
        // SAFETY: the caller's.
        unsafe {
            // By halves of vectors: the first eight of each sixteen, then the others.
            let all = _mm256_packs_epi16(joined(first), joined(second));
            let all = _mm256_permute4x64_epi64::<0b11_01_10_00>(all);
            u64::from(_mm256_movemask_epi8(all).cast_unsigned())
        }
    }

    #[inline(always)]
    unsafe fn arrange([low, high]: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the caller's.
        unsafe {
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
            // A shuffle goes by halves of vectors: quarters of eight bytes lie as 0, 2, 1, 3.
            let even = _mm256_permute4x64_pd::<0b11_01_10_00>(even);
            let odd = _mm256_permute4x64_pd::<0b11_01_10_00>(odd);
            [_mm256_castpd_ps(even), _mm256_castpd_ps(odd)]
        }
    }

    #[inline(always)]
    unsafe fn in_order([even, odd]: [__m256; 2]) -> [__m256; 2] {
        // SAFETY: the caller's.
        unsafe {
            // By halves of vectors: 0 to 3 and 8 to 11, 4 to 7 and 12 to 15.
            let (low, high) = (_mm256_unpacklo_ps(even, odd), _mm256_unpackhi_ps(even, odd));
            [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
        }
    }

    #[inline(always)]
    unsafe fn hold(sums: &Products) -> bool {
        // SAFETY: the caller's.
        unsafe { in_range(sums.as_flattened()) }
    }

    #[inline(always)]
    unsafe fn fours(products: Products) -> Option<[__m256; 2]> {
        let [p0, p1, p2, p3] = products;
        // SAFETY: the caller's.
        unsafe {
            let low = _mm256_add_ps(_mm256_add_ps(p0[0], p0[1]), _mm256_add_ps(p2[0], p2[1]));
            let high = _mm256_add_ps(_mm256_add_ps(p1[0], p1[1]), _mm256_add_ps(p3[0], p3[1]));
            in_range(&[low, high]).then_some([low, high])
        }
    }
}

/// Masks of 16-bit lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn joined([even, odd]: [__m256; 2]) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        let (even, odd) = (_mm256_castps_si256(even), _mm256_castps_si256(odd));
        _mm256_blend_epi16::<0b1010_1010>(even, odd)
    }
}

/// In the upper halves of the lanes the nearest `bf16` of products of two, as
/// [`crate::half_width::round_bf16_product`] has it.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn rounded(product: __m256) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        let bits = _mm256_castps_si256(product);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)))
    }
}

/// Whether all sums are below the limit; a NaN is not.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn in_range(sums: &[__m256]) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(i32::MAX));
        let mut beyond = _mm256_setzero_ps();
        for &sum in sums {
            let size = _mm256_and_ps(sum, magnitude);
            let fails = _mm256_cmp_ps::<_CMP_NLT_UQ>(size, _mm256_set1_ps(TOO_LARGE));
            beyond = _mm256_or_ps(beyond, fails);
        }
        _mm256_movemask_ps(beyond) == 0
    }
}
