//! Sums of `bf16` by column.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::super::signs::{Pointers, Signs};
use super::super::Avx512;
use super::super::half::add8;
use super::fours::{add_row, row_again};
use super::scale::in_order;
use super::{load_chunk, only, others, store_chunk};
use crate::vectors::slopes::ChunkSlopes;
use crate::vectors::{CHUNK, lowest};

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    /// [`Avx512::propagate_bf16`] of a whole chunk, and its products are added to `fours`, or else to their sums.
    #[inline(always)]
    pub(in super::super) unsafe fn fours_bf16(
        self,
        (g, b, dx): Pointers<i16>,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        fours: &mut [f32; CHUNK],
        sums: &mut [f64; CHUNK],
    ) {
        // SAFETY: the caller's; everything is read before anything is written.
        unsafe {
            let (v, basis) = (load_chunk(g, CHUNK), load_chunk(b, CHUNK));
            let others = others(signs, basis);
            let summed = only(others, v);
            let products = [products(summed[0], basis[0]), products(summed[1], basis[1])];
            match add_row(cast(*fours), products) {
                Some(next) => *fours = cast(next),
                None => row_again((g, b), signs, fours, sums),
            }
            store_chunk(dx, CHUNK, self.scale_bf16(v, summed, others, None, slopes));
        }
    }

    #[inline(always)]
    pub(in super::super) unsafe fn columns_bf16(
        self,
        g: *const i16,
        b: *const i16,
        len: usize,
        which: u64,
        sums: &mut [f64; CHUNK],
    ) {
        let mut columns: [__m512d; CHUNK / 8] = cast(*sums);
        for (index, column) in columns.iter_mut().enumerate() {
            let at = index * 8;
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            *column = unsafe {
                let (g, b) = (eight(g.add(at), len - at), eight(b.add(at), len - at));
                _mm512_mask3_fmadd_pd(g, b, *column, (which >> at) as u8)
            };
        }
        *sums = cast(columns);
    }

    /// [`Avx512::columns_bf16`] with sums in memory.
    #[inline(always)]
    pub(in super::super) unsafe fn row_bf16(
        self,
        g: *const i16,
        b: *const i16,
        len: usize,
        which: u64,
        row: &mut [f64],
    ) {
        let row = &mut row[..len];
        for at in (0..CHUNK).step_by(8) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's; the row is as long.
            unsafe {
                let (g, b) = (eight(g.add(at), len - at), eight(b.add(at), len - at));
                let terms = _mm512_maskz_mul_pd((which >> at) as u8, g, b);
                add8(terms, row.as_mut_ptr().add(at), len - at);
            }
        }
    }
}

/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn products(g: __m512i, basis: __m512i) -> [__m512; 2] {
    // SAFETY: the caller's.
    unsafe {
        let ([g_first, g_second], [b_first, b_second]) = (in_order(g), in_order(basis));
        [_mm512_mul_ps(g_first, b_first), _mm512_mul_ps(g_second, b_second)]
    }
}

/// Eight elements of `bf16`, widened.
///
/// # Safety
/// The pointer is good for `len` elements, or for eight of them.
#[inline(always)]
unsafe fn eight(from: *const i16, len: usize) -> __m512d {
    // SAFETY: the caller's.
    unsafe {
        let halves = if len >= 8 {
            _mm_loadu_si128(from.cast())
        } else {
            _mm_maskz_loadu_epi16(lowest(len) as u8, from)
        };
        let wide = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves));
        _mm512_cvtps_pd(_mm256_castsi256_ps(wide))
    }
}
