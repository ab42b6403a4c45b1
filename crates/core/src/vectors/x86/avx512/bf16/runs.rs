//! Sums of `bf16` by run: products in `f32` by parity, in fours.
//!
//! Only the gradient is masked, before it is widened: 0 times an infinite basis makes no sum that is small enough, and
//! then [`super::fours`] looks again.

use std::arch::x86_64::*;

use super::super::super::signs::{Pointers, Signs};
use super::super::Avx512;
use super::super::half::{WHOLE, load32};
use super::fours::{add_fours, in_fours, part_of};
use super::{load_chunk, only, others, split, store_chunk};
use crate::element::Element;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES, RunSums, lowest};

/// Products of even and of odd elements, of either half of a chunk.
pub(super) type ByParity = [[__m512; 2]; 2];

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    #[inline(always)]
    pub(in super::super) unsafe fn sum_bf16(
        self,
        g: *const i16,
        b: *const i16,
        len: usize,
        which: u64,
        sums: &mut [f64; LANES],
    ) {
        // SAFETY: the caller's.
        unsafe {
            let first = products_bf16(g, b, len, which, 0);
            let second = products_bf16(g, b, len, which, WHOLE);
            add_fours(_mm512_add_ps(first, second), (g, b, Signs::Bits(0), which), sums);
        }
    }

    /// [`Avx512::sum_bf16`] and [`Avx512::propagate_bf16`] of a whole chunk.
    #[inline(always)]
    pub(in super::super) unsafe fn backward_bf16(
        self,
        (g, b, dx): Pointers<i16>,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        sums: &mut [f64; LANES],
    ) {
        // SAFETY: the caller's; everything is read before anything is written.
        unsafe {
            let (products, scaled) = self.both_bf16(g, b, signs, slopes);
            add_fours(in_fours(products), (g, b, signs, u64::MAX), sums);
            store_chunk(dx, CHUNK, scaled);
        }
    }

    /// The same where runs end in the chunk.
    #[inline(always)]
    pub(in super::super) unsafe fn over_ends_bf16<T: Element>(
        self,
        (g, b, dx): Pointers<i16>,
        signs: Signs,
        slopes: ByRun<f32>,
        sums: &mut RunSums<'_, T::Accumulator>,
    ) {
        // SAFETY: the caller's; everything is read before anything is written.
        unsafe {
            let (products, scaled) = self.both_bf16(g, b, signs, &slopes);
            // Not a loop: its ends would lie in memory.
            macro_rules! part {
                ($part:expr) => {{
                    let fours = in_fours(part_of(products, $part));
                    add_fours(fours, (g, b, signs, $part), &mut sums.lanes.sums);
                }};
            }
            let [before_end, before_next] = [lowest(slopes.ends[0]), lowest(slopes.ends[1])];
            let mut ended = 0;
            if slopes.ends[0] <= CHUNK {
                part!(before_end);
                sums.close::<T, Avx512>(self);
                ended = before_end;
            }
            if slopes.ends[1] <= CHUNK {
                part!(before_next & !before_end);
                sums.close::<T, Avx512>(self);
                ended = before_next;
            }
            if ended != u64::MAX {
                part!(!ended);
            }
            store_chunk(dx, CHUNK, scaled);
        }
    }

    /// The products that are to be summed, and the input gradient.
    #[inline(always)]
    unsafe fn both_bf16(
        self,
        g: *const i16,
        b: *const i16,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) -> (ByParity, [__m512i; 2]) {
        // SAFETY: the caller's.
        unsafe {
            let (v, basis) = (load_chunk(g, CHUNK), load_chunk(b, CHUNK));
            let others = others(signs, basis);
            let summed = only(others, v);
            let products = [products(summed[0], basis[0]), products(summed[1], basis[1])];
            (products, self.scale_bf16(v, summed, others, None, slopes))
        }
    }
}

/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn products(g: __m512i, basis: __m512i) -> [__m512; 2] {
    // SAFETY: the caller's.
    unsafe {
        let ([g_even, g_odd], [b_even, b_odd]) = (split(g), split(basis));
        [_mm512_mul_ps(g_even, b_even), _mm512_mul_ps(g_odd, b_odd)]
    }
}

/// The products of `which` among 32 elements of a chunk from `at` on, neighbours added up, in `f32`.
///
/// # Safety
/// Pointers are good for `len` elements.
#[inline(always)]
unsafe fn products_bf16(g: *const i16, b: *const i16, len: usize, which: u64, at: usize) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        if at >= len {
            return _mm512_setzero_ps();
        }
        let k = (which >> at) as u32;
        let [g_even, g_odd] = split(_mm512_maskz_mov_epi16(k, load32(g.add(at), len - at)));
        let [b_even, b_odd] = split(_mm512_maskz_mov_epi16(k, load32(b.add(at), len - at)));
        _mm512_add_ps(_mm512_mul_ps(g_even, b_even), _mm512_mul_ps(g_odd, b_odd))
    }
}
