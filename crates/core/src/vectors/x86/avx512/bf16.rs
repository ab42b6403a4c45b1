//! `bf16`, 32 at a time: a shift widens the even elements and a mask the odd ones.
//!
//! AVX-512 BF16 rounds as we do, but for subnormal `f32`, which it takes for 0: where a product is one, and
//! where the processor has no such instruction, products are rounded in 16-bit lanes.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx512;
use super::half::{WHOLE, add_to_lanes, add8, load32, positive};
use crate::element::Element;
use crate::vectors::half_sums::{LARGE_ENOUGH, TOO_LARGE};
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES, RunSums, bit, lowest};

const GROUP: usize = WHOLE / 2;
const EVEN: u64 = 0x5555_5555_5555_5555;
/// Elements `i` and `i + 16` side by side.
const INTERLEAVED: __m512i = {
    let mut places = [0_u16; WHOLE];
    let mut pair = 0;
    while pair < GROUP {
        (places[2 * pair], places[2 * pair + 1]) = (pair as u16, (pair + GROUP) as u16);
        pair += 1;
    }
    // SAFETY: both are 64 bytes for which any value will do.
    unsafe { std::mem::transmute(places) }
};

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
        g: *const i16,
        dx: *mut i16,
        len: usize,
        signs: u64,
        slopes: &impl ChunkSlopes<f32>,
    ) {
        for at in (0..CHUNK).step_by(WHOLE) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let v = load32(g.add(at), len - at);
                let positive = (signs >> at) as u32;
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
            add_fours(_mm512_add_ps(first, second), (g, b, which), sums);
        }
    }

    /// [`Avx512::sum_bf16`] and [`Avx512::propagate_bf16`] of a whole chunk.
    #[inline(always)]
    pub(super) unsafe fn backward_bf16(
        self,
        (g, b, dx): (*const i16, *const i16, *mut i16),
        signs: u64,
        slopes: &impl ChunkSlopes<f32>,
        sums: &mut [f64; LANES],
    ) {
        // SAFETY: the caller's; everything is read before anything is written.
        unsafe {
            let (products, scaled) = self.both_bf16(g, b, signs, slopes);
            add_fours(in_fours(products), (g, b, !signs), sums);
            store32(dx, WHOLE, scaled[0]);
            store32(dx.add(WHOLE), WHOLE, scaled[1]);
        }
    }

    /// The same where runs end in the chunk.
    #[inline(always)]
    pub(super) unsafe fn over_ends_bf16<T: Element>(
        self,
        (g, b, dx): (*const i16, *const i16, *mut i16),
        signs: u64,
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
                    add_fours(fours, (g, b, !signs & $part), &mut sums.lanes.sums);
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
        signs: u64,
        slopes: &impl ChunkSlopes<f32>,
    ) -> ([[__m512; 2]; 2], [__m512i; 2]) {
        // SAFETY: the caller's.
        unsafe {
            let mut products = [[_mm512_setzero_ps(); 2]; 2];
            let mut scaled = [_mm512_setzero_si512(); 2];
            let which = by_parity(!signs);
            for (half, at) in [0, WHOLE].into_iter().enumerate() {
                let v = load32(g.add(at), WHOLE);
                let wide = split(v);
                let basis = split(load32(b.add(at), WHOLE));
                for parity in 0..2 {
                    products[half][parity] =
                        _mm512_maskz_mul_ps(which[half][parity], wide[parity], basis[parity]);
                }
                scaled[half] = self.scale_bf16(v, wide, (signs >> at) as u32, pairs(slopes, at));
            }
            (products, scaled)
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

/// The terms of a chunk of `bf16` in `f64`.
///
/// # Safety
/// Pointers are good for the elements of `which`.
#[cold]
#[inline(never)]
unsafe fn one_by_one(
    g: *const i16,
    b: *const i16,
    which: u64,
    mut sums: [f64; LANES],
) -> [f64; LANES] {
    let wide = |bits: i16| f64::from(f32::from_bits(u32::from(bits as u16) << 16));
    for lane in (0..CHUNK).filter(|&lane| bit(which, lane)) {
        // SAFETY: the caller's.
        let (g, b) = unsafe { (g.add(lane).read(), b.add(lane).read()) };
        sums[lane % LANES] += wide(g) * wide(b);
    }
    sums
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

/// The products of the elements of `part`, zeroes for others.
///
/// # Safety
/// The processor has AVX-512 F and BMI2.
#[inline(always)]
unsafe fn part_of(mut products: [[__m512; 2]; 2], part: u64) -> [[__m512; 2]; 2] {
    let part = by_parity(part);
    for (products, part) in products.iter_mut().zip(part) {
        for (product, k) in products.iter_mut().zip(part) {
            // SAFETY: the caller's.
            *product = unsafe { _mm512_maskz_mov_ps(k, *product) };
        }
    }
    products
}

/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn in_fours([[a, b], [c, d]]: [[__m512; 2]; 2]) -> __m512 {
    // SAFETY: the caller's.
    unsafe { _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)) }
}

/// Adds sums of four, or else the terms of `which` one by one: see [`crate::vectors::half_sums`].
///
/// # Safety
/// Pointers are good for the elements of `which`.
#[inline(always)]
unsafe fn add_fours(
    fours: __m512,
    (g, b, which): (*const i16, *const i16, u64),
    sums: &mut [f64; LANES],
) {
    // SAFETY: the caller's.
    unsafe {
        let size = _mm512_abs_ps(fours);
        let beyond = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(size, _mm512_set1_ps(TOO_LARGE));
        let large = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(size, _mm512_set1_ps(LARGE_ENOUGH));
        if beyond == 0 && large != 0 {
            add_to_lanes(fours, sums);
        } else if which != 0 {
            *sums = one_by_one(g, b, which, *sums);
        }
    }
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

/// The nearest `bf16`, ties to even, of products of even and of odd elements, side by side: see
/// [`crate::half_width::round_bf16_product`].
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn round_in_lanes(even: __m512, odd: __m512) -> __m512i {
    // SAFETY: the caller's.
    unsafe {
        let (even, odd) = (_mm512_castps_si512(even), _mm512_castps_si512(odd));
        let is_even = EVEN as u32;
        // The halves of the products that stay, and those that decide how they are rounded.
        let upper = _mm512_mask_mov_epi16(odd, is_even, _mm512_srli_epi32::<16>(even));
        let lower = _mm512_mask_mov_epi16(even, !is_even, _mm512_slli_epi32::<16>(odd));
        let ties_to_even = _mm512_and_si512(upper, _mm512_set1_epi16(1));
        let up = _mm512_cmpgt_epu16_mask(
            _mm512_adds_epu16(lower, ties_to_even),
            _mm512_set1_epi16(i16::MIN),
        );
        _mm512_mask_sub_epi16(upper, up, upper, _mm512_set1_epi16(-1))
    }
}

/// [`round_in_lanes`] of products none of which is subnormal.
///
/// # Safety
/// The processor has AVX-512 BF16 and BW.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn round_by_instruction(even: __m512, odd: __m512) -> __m512i {
    let halves: __m512i;
    // SAFETY: the caller's; vector registers are all that is touched.
    unsafe {
        // By name: the intrinsic cannot be inlined into what is compiled for AVX-512 without BF16.
        std::arch::asm!(
            "vcvtne2ps2bf16 {halves}, {odd}, {even}",
            halves = lateout(zmm_reg) halves,
            odd = in(zmm_reg) odd,
            even = in(zmm_reg) even,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    _mm512_permutexvar_epi16(INTERLEAVED, halves)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding depends on the upper half of an `f32` and on where the lower one lies between these.
    const LOWER: [u16; GROUP] = [
        0, 1, 2, 0x1234, 0x4000, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0x8002, 0x9abc, 0xc000, 0xfffd,
        0xfffe, 0xffff, 0x7f00,
    ];

    #[test]
    fn the_instruction_rounds_as_lanes_do_but_for_subnormals() {
        if !is_x86_feature_detected!("avx512bf16") {
            println!("skipped: this processor has no AVX-512 BF16");
            return;
        }
        for upper in 0..=u16::MAX {
            // NaNs among products have a lower half of zeroes.
            let nan = upper & 0x7f80 == 0x7f80;
            let bits = LOWER.map(|lower| {
                let lower = if nan { 0 } else { lower };
                u32::from(upper) << 16 | u32::from(lower)
            });
            if upper & 0x7f80 == 0 {
                continue;
            }
            let turned: [u32; GROUP] = std::array::from_fn(|lane| bits[(lane + 1) % GROUP]);
            let (even, odd) = (cast(bits), cast(turned));
            // SAFETY: the instructions were detected.
            let (expected, got): ([u16; WHOLE], [u16; WHOLE]) =
                unsafe { (cast(round_in_lanes(even, odd)), cast(round_by_instruction(even, odd))) };
            let quiet = |bits: u16| if bits & 0x7fff > 0x7f80 { 0x7fc0 } else { bits };
            assert_eq!(got.map(quiet), expected.map(quiet), "{upper:#x}");
        }
    }
}
