//! `bf16`, 32 at a time: a shift widens the even elements and a mask the odd ones.
//!
//! AVX-512 BF16 rounds as we do, but for subnormal `f32`, which it takes for 0: where a product is one, and
//! where the processor has no such instruction, products are rounded in 16-bit lanes.

mod fours;
mod round;

use std::arch::x86_64::*;

use bytemuck::cast;

use self::fours::{add_fours, add_row, columns_one_by_one, in_fours, part_of};
use self::round::{round_by_instruction, round_in_lanes};
use super::super::signs::{Pointers, Signs};
use super::Avx512;
use super::f32::not_positive;
use super::half::{WHOLE, add8, load32, positive};
use crate::element::Element;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES, RunSums, half_sums, lowest};

const GROUP: usize = WHOLE / 2;
const EVEN: u64 = 0x5555_5555_5555_5555;
/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    #[inline(always)]
    pub(super) unsafe fn activate_bf16(
        self,
        x: *mut i16,
        len: usize,
        slopes: &impl ChunkSlopes<f32>,
    ) -> u64 {
        let mut bits = 0;
        for at in (0..CHUNK).step_by(WHOLE) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let v = load32(x.add(at), len - at);
                let positive = positive(v, 0x7f80);
                let scaled = self.scale_bf16(v, split(v), positive, pairs(slopes, at));
                store32(x.add(at), len - at, scaled);
                bits |= u64::from(positive) << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_bf16(
        self,
        (g, b, dx): Pointers<i16>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) {
        for at in (0..CHUNK).step_by(WHOLE) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let v = load32(g.add(at), len - at);
                let positive = match signs {
                    Signs::Bits(bits) => (bits >> at) as u32,
                    Signs::OfBasis => positive(load32(b.add(at), len - at), 0x7f80),
                };
                let scaled = self.scale_bf16(v, split(v), positive, pairs(slopes, at));
                store32(dx.add(at), len - at, scaled);
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn sum_bf16(
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
    pub(super) unsafe fn backward_bf16(
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
            store32(dx, WHOLE, scaled[0]);
            store32(dx.add(WHOLE), WHOLE, scaled[1]);
        }
    }

    /// The same where runs end in the chunk.
    #[inline(always)]
    pub(super) unsafe fn over_ends_bf16<T: Element>(
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
            store32(dx, WHOLE, scaled[0]);
            store32(dx.add(WHOLE), WHOLE, scaled[1]);
        }
    }

    /// Positive elements as they are; the others, widened to `wide`, times their slope, rounded.
    #[inline(always)]
    unsafe fn scale_bf16(
        self,
        v: __m512i,
        wide: [__m512; 2],
        positive: __mmask32,
        slopes: [__m512; 2],
    ) -> __m512i {
        const SUBNORMAL: i32 = 0x20;
        // SAFETY: the caller's, and `rounds_bf16` tells of the instruction.
        unsafe {
            let (even, odd) =
                (_mm512_mul_ps(wide[0], slopes[0]), _mm512_mul_ps(wide[1], slopes[1]));
            let subnormal = _mm512_fpclass_ps_mask::<SUBNORMAL>(even)
                | _mm512_fpclass_ps_mask::<SUBNORMAL>(odd);
            let rounded = if self.rounds_bf16 && subnormal == 0 {
                round_by_instruction(even, odd)
            } else {
                round_in_lanes(even, odd)
            };
            _mm512_mask_mov_epi16(rounded, positive, v)
        }
    }

    /// The products that are to be summed, of even and odd elements, and the input gradient.
    #[inline(always)]
    unsafe fn both_bf16(
        self,
        g: *const i16,
        b: *const i16,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) -> ([[__m512; 2]; 2], [__m512i; 2]) {
        // SAFETY: the caller's.
        unsafe {
            let mut products = [[_mm512_setzero_ps(); 2]; 2];
            let mut scaled = [_mm512_setzero_si512(); 2];
            for (half, at) in [0, WHOLE].into_iter().enumerate() {
                let v = load32(g.add(at), WHOLE);
                let wide = split(v);
                let own = load32(b.add(at), WHOLE);
                let basis = split(own);
                let (positive, which) = match signs {
                    Signs::Bits(bits) => ((bits >> at) as u32, by_parity(!bits)[half]),
                    Signs::OfBasis => {
                        (positive(own, 0x7f80), [not_positive(basis[0]), not_positive(basis[1])])
                    }
                };
                for parity in 0..2 {
                    products[half][parity] =
                        _mm512_maskz_mul_ps(which[parity], wide[parity], basis[parity]);
                }
                scaled[half] = self.scale_bf16(v, wide, positive, pairs(slopes, at));
            }
            (products, scaled)
        }
    }

    /// [`Avx512::propagate_bf16`] of a whole chunk, and its products are added to `fours`, which lie as `both_bf16` has
    /// them; or else to their sums.
    #[inline(always)]
    pub(super) unsafe fn fours_bf16(
        self,
        (g, b, dx): Pointers<i16>,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        fours: &mut [f32; CHUNK],
        sums: &mut [f64; CHUNK],
    ) {
        // SAFETY: the caller's; everything is read before anything is written.
        unsafe {
            let (products, scaled) = self.both_bf16(g, b, signs, slopes);
            match add_row(cast(*fours), products) {
                Some(next) => *fours = cast(next),
                None => {
                    *fours = self.in_order(fours);
                    half_sums::add_fours(fours, sums);
                    columns_one_by_one((g, b), signs, sums);
                }
            }
            store32(dx, WHOLE, scaled[0]);
            store32(dx.add(WHOLE), WHOLE, scaled[1]);
        }
    }

    /// What lies as `both_bf16` has it, in the order of the elements.
    #[inline(always)]
    pub(super) fn in_order(self, split: &[f32; CHUNK]) -> [f32; CHUNK] {
        const LOW: [u32; GROUP] = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
        const HIGH: [u32; GROUP] = [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31];
        let [a, b, c, d]: [__m512; 4] = cast(*split);
        // SAFETY: the value `self` proves AVX-512 F.
        unsafe {
            cast([
                _mm512_permutex2var_ps(a, cast(LOW), b),
                _mm512_permutex2var_ps(a, cast(HIGH), b),
                _mm512_permutex2var_ps(c, cast(LOW), d),
                _mm512_permutex2var_ps(c, cast(HIGH), d),
            ])
        }
    }

    #[inline(always)]
    pub(super) unsafe fn columns_bf16(
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
    pub(super) unsafe fn row_bf16(
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

/// The slopes of the even and of the odd ones of 32 elements.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn pairs(slopes: &impl ChunkSlopes<f32>, at: usize) -> [__m512; 2] {
    let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
        let low: __m512 = cast(slopes.group::<GROUP>(at));
        let high: __m512 = cast(slopes.group::<GROUP>(at + GROUP));
        // SAFETY: the caller's.
        return unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
            [_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high)]
        };
    };
    let before_first = by_parity(lowest(ends[0]))[at / WHOLE];
    let before_second = by_parity(lowest(ends[1]))[at / WHOLE];
    let mut pairs: [__m512; 2] = cast([0.0_f32; WHOLE]);
    for (parity, slopes) in pairs.iter_mut().enumerate() {
        // SAFETY: the caller's.
        *slopes = unsafe {
            let (second, third) = (_mm512_set1_ps(second), _mm512_set1_ps(third));
            let later = _mm512_mask_mov_ps(third, before_second[parity], second);
            _mm512_mask_mov_ps(later, before_first[parity], _mm512_set1_ps(first))
        };
    }
    pairs
}

/// Bits of even and of odd elements, of either half of a chunk.
#[inline(always)]
fn by_parity(bits: u64) -> [[__mmask16; 2]; 2] {
    // SAFETY: the level's functions are compiled for BMI2, and this one is inlined into them.
    let [even, odd] = unsafe { [_pext_u64(bits, EVEN), _pext_u64(bits, !EVEN)] };
    [[even as u16, odd as u16], [(even >> 16) as u16, (odd >> 16) as u16]]
}

/// The even and the odd elements, widened.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn split(v: __m512i) -> [__m512; 2] {
    // SAFETY: the caller's.
    unsafe {
        let odd = _mm512_and_si512(v, _mm512_set1_epi32(0xffff_0000_u32 as i32));
        [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(v)), _mm512_castsi512_ps(odd)]
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for 32 of them.
#[inline(always)]
unsafe fn store32(to: *mut i16, len: usize, v: __m512i) {
    // SAFETY: the caller's.
    unsafe {
        if len >= WHOLE {
            _mm512_storeu_si512(to.cast(), v);
        } else {
            _mm512_mask_storeu_epi16(to, lowest(len) as u32, v);
        }
    }
}
