//! Elements of some lanes of a chunk closed up, and put back in place.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx512;
use crate::vectors::{CHUNK, lowest};

/// Both ways for elements that AVX-512 F moves by itself.
macro_rules! moves {
    ($close_up:ident, $put_back:ident, $element:ty, $group:literal, $mask:ty,
     $compress:ident, $load:ident, $expand:ident) => {
        impl Avx512 {
            #[inline(always)]
            pub(super) fn $close_up(
                self,
                chunk: &[$element; CHUNK],
                mask: u64,
            ) -> [$element; CHUNK] {
                let groups: [__m512i; CHUNK / $group] = cast(*chunk);
                let mut closed = [0; CHUNK];
                let mut at = 0;
                for (index, group) in groups.into_iter().enumerate() {
                    let k = (mask >> ($group * index)) as $mask;
                    // SAFETY: the value `self` proves AVX-512 F.
                    let packed: [$element; $group] = cast(unsafe { $compress(k, group) });
                    closed[at..at + $group].copy_from_slice(&packed);
                    at += k.count_ones() as usize;
                }
                closed
            }

            #[inline(always)]
            pub(super) fn $put_back(
                self,
                closed: &[$element],
                mask: u64,
                chunk: &mut [$element; CHUNK],
            ) {
                let (groups, _) = chunk.as_chunks_mut::<$group>();
                let mut at = 0;
                for (index, group) in groups.iter_mut().enumerate() {
                    let k = (mask >> ($group * index)) as $mask;
                    let count = k.count_ones() as usize;
                    let from = &closed[at..at + count];
                    // SAFETY: the value `self` proves AVX-512 F; as many elements as there are are read.
                    unsafe {
                        let some = $load(lowest(count) as $mask, from.as_ptr());
                        *group = cast($expand(cast(*group), k, some));
                    }
                    at += count;
                }
            }
        }
    };
}

moves!(
    close_up_4,
    put_back_4,
    i32,
    16,
    u16,
    _mm512_maskz_compress_epi32,
    _mm512_maskz_loadu_epi32,
    _mm512_mask_expand_epi32
);
moves!(
    close_up_8,
    put_back_8,
    i64,
    8,
    u8,
    _mm512_maskz_compress_epi64,
    _mm512_maskz_loadu_epi64,
    _mm512_mask_expand_epi64
);

impl Avx512 {
    /// Through 32-bit lanes: AVX-512 BW alone does not move 16-bit ones.
    #[inline(always)]
    pub(super) fn close_up_2(self, chunk: &[i16; CHUNK], mask: u64) -> [i16; CHUNK] {
        let groups: [__m256i; CHUNK / 16] = cast(*chunk);
        let mut closed = [0; CHUNK];
        let mut at = 0;
        for (index, group) in groups.into_iter().enumerate() {
            let k = (mask >> (16 * index)) as u16;
            // SAFETY: the value `self` proves AVX-512 F.
            let packed: [i16; 16] = cast(unsafe {
                let wide = _mm512_maskz_compress_epi32(k, _mm512_cvtepu16_epi32(group));
                _mm512_cvtepi32_epi16(wide)
            });
            closed[at..at + 16].copy_from_slice(&packed);
            at += k.count_ones() as usize;
        }
        closed
    }

    #[inline(always)]
    pub(super) fn put_back_2(self, closed: &[i16], mask: u64, chunk: &mut [i16; CHUNK]) {
        let (groups, _) = chunk.as_chunks_mut::<16>();
        let mut at = 0;
        for (index, group) in groups.iter_mut().enumerate() {
            let k = (mask >> (16 * index)) as u16;
            let count = k.count_ones() as usize;
            let from = &closed[at..at + count];
            // SAFETY: the value `self` proves AVX-512 F, BW and VL; as many elements as there are are read.
            unsafe {
                let some = _mm256_maskz_loadu_epi16(lowest(count) as u16, from.as_ptr());
                let wide = _mm512_maskz_expand_epi32(k, _mm512_cvtepu16_epi32(some));
                *group = cast(_mm256_mask_mov_epi16(cast(*group), k, _mm512_cvtepi32_epi16(wide)));
            }
            at += count;
        }
    }
}
