//! `bf16`, 32 at a time: a shift widens the even elements and a mask the odd ones.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx512;
use super::half::{WHOLE, add_to_lanes, add8, load32, positive};
use crate::vectors::half_sums::{LARGE_ENOUGH, TOO_LARGE};
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES, bit, lowest};

const GROUP: usize = WHOLE / 2;
const EVEN: __mmask32 = 0x5555_5555;

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
                let scaled = scale_bf16(v, positive, pairs(slopes, at));
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
                let scaled = scale_bf16(v, (signs >> at) as u32, pairs(slopes, at));
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
            let four = _mm512_add_ps(first, second);
            let size = _mm512_abs_ps(four);
            let beyond = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(size, _mm512_set1_ps(TOO_LARGE));
            let large = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(size, _mm512_set1_ps(LARGE_ENOUGH));
            if beyond == 0 && large != 0 {
                add_to_lanes(four, sums);
            } else if which != 0 {
                *sums = one_by_one(g, b, which, *sums);
            }
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
    let spread = [first, second, third];
    // SAFETY: the caller's.
    unsafe { [by_parity(spread, ends, at, 1), by_parity(spread, ends, at, 0)] }
}

/// The slopes of every other one of 32 elements from `at` on: of the even ones for `up` = 1.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn by_parity(
    [first, second, third]: [f32; 3],
    [end, next_end]: [usize; 2],
    at: usize,
    up: usize,
) -> __m512 {
    // Those of this parity before an end.
    let before_first = lowest(((end + up).saturating_sub(at) / 2).min(16)) as u16;
    let before_second = lowest(((next_end + up).saturating_sub(at) / 2).min(16)) as u16;
    // SAFETY: the caller's.
    unsafe {
        let later =
            _mm512_mask_mov_ps(_mm512_set1_ps(third), before_second, _mm512_set1_ps(second));
        _mm512_mask_mov_ps(later, before_first, _mm512_set1_ps(first))
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

/// Positive elements as they are; the others times their slope, rounded to nearest, ties to even: see
/// [`crate::half_width::round_bf16_product`].
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn scale_bf16(v: __m512i, positive: __mmask32, [even, odd]: [__m512; 2]) -> __m512i {
    // SAFETY: the caller's.
    unsafe {
        let [v_even, v_odd] = split(v);
        let even = _mm512_castps_si512(_mm512_mul_ps(v_even, even));
        let odd = _mm512_castps_si512(_mm512_mul_ps(v_odd, odd));
        // The halves of the products that stay, and those that decide how they are rounded.
        let upper = _mm512_mask_mov_epi16(odd, EVEN, _mm512_srli_epi32::<16>(even));
        let lower = _mm512_mask_mov_epi16(even, !EVEN, _mm512_slli_epi32::<16>(odd));
        let ties_to_even = _mm512_and_si512(upper, _mm512_set1_epi16(1));
        let up = _mm512_cmpgt_epu16_mask(
            _mm512_adds_epu16(lower, ties_to_even),
            _mm512_set1_epi16(i16::MIN),
        );
        let rounded = _mm512_mask_sub_epi16(upper, up, upper, _mm512_set1_epi16(-1));
        _mm512_mask_mov_epi16(rounded, positive, v)
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
