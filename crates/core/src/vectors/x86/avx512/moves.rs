//! Elements of some lanes of a chunk closed up, and put back in place.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx512;
use crate::vectors::{CHUNK, lowest};

impl Avx512 {
    #[inline(always)]
    pub(super) fn close_up_4(self, chunk: &[i32; CHUNK], mask: u64) -> [i32; CHUNK] {
        let groups: [__m512i; CHUNK / 16] = cast(*chunk);
        let mut closed = [0; CHUNK];
        let mut at = 0;
        for (index, group) in groups.into_iter().enumerate() {
            let k = (mask >> (16 * index)) as u16;
            // SAFETY: the value `self` proves AVX-512 F.
            let packed: [i32; 16] = cast(unsafe { _mm512_maskz_compress_epi32(k, group) });
            closed[at..at + 16].copy_from_slice(&packed);
            at += k.count_ones() as usize;
        }
        closed
    }

    #[inline(always)]
    pub(super) fn put_back_4(self, closed: &[i32], mask: u64, chunk: &mut [i32; CHUNK]) {
        let (groups, _) = chunk.as_chunks_mut::<16>();
        let mut at = 0;
        for (index, group) in groups.iter_mut().enumerate() {
            let k = (mask >> (16 * index)) as u16;
            let count = k.count_ones() as usize;
            let from = &closed[at..at + count];
            // SAFETY: the value `self` proves AVX-512 F; as many elements as there are are read.
            unsafe {
                let some = _mm512_maskz_loadu_epi32(lowest(count) as u16, from.as_ptr());
                *group = cast(_mm512_mask_expand_epi32(cast(*group), k, some));
            }
            at += count;
        }
    }

    #[inline(always)]
    pub(super) fn close_up_8(self, chunk: &[i64; CHUNK], mask: u64) -> [i64; CHUNK] {
        let groups: [__m512i; CHUNK / 8] = cast(*chunk);
        let mut closed = [0; CHUNK];
        let mut at = 0;
        for (index, group) in groups.into_iter().enumerate() {
            let k = (mask >> (8 * index)) as u8;
            // SAFETY: the value `self` proves AVX-512 F.
            let packed: [i64; 8] = cast(unsafe { _mm512_maskz_compress_epi64(k, group) });
            closed[at..at + 8].copy_from_slice(&packed);
            at += k.count_ones() as usize;
        }
        closed
    }

    #[inline(always)]
    pub(super) fn put_back_8(self, closed: &[i64], mask: u64, chunk: &mut [i64; CHUNK]) {
        let (groups, _) = chunk.as_chunks_mut::<8>();
        let mut at = 0;
        for (index, group) in groups.iter_mut().enumerate() {
            let k = (mask >> (8 * index)) as u8;
            let count = k.count_ones() as usize;
            let from = &closed[at..at + count];
            // SAFETY: the value `self` proves AVX-512 F; as many elements as there are are read.
            unsafe {
                let some = _mm512_maskz_loadu_epi64(lowest(count) as u8, from.as_ptr());
                *group = cast(_mm512_mask_expand_epi64(cast(*group), k, some));
            }
            at += count;
        }
    }

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
