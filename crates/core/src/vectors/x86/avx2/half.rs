//! Two-byte types.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx2;
use crate::vectors::CHUNK;

impl Avx2 {
    #[inline(always)]
    pub(super) fn signs_half(self, x: &[i16; CHUNK], infinity: i16) -> u64 {
        let x: [[__m256i; 2]; 2] = cast(*x);
        let mut bits = [0_u32; 2];
        for (bits, [low, high]) in bits.iter_mut().zip(x) {
            // SAFETY: the value `self` proves AVX2.
            let mask = unsafe {
                let (zero, infinity) = (_mm256_setzero_si256(), _mm256_set1_epi16(infinity));
                let positive = |x: __m256i| {
                    let beyond = _mm256_cmpgt_epi16(x, infinity);
                    _mm256_andnot_si256(beyond, _mm256_cmpgt_epi16(x, zero))
                };
                // Packing interleaves quarters; the permutation puts them in order.
                let bytes = _mm256_packs_epi16(positive(low), positive(high));
                _mm256_movemask_epi8(_mm256_permute4x64_epi64::<0b11_01_10_00>(bytes))
            };
            *bits = mask as u32;
        }
        cast::<[u32; 2], u64>(bits).to_le()
    }
}
