//! `f32`: sixteen to a vector. Sums widen four at a time, in 256 bits: two such conversions take as long as
//! half a 512-bit one.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::signs::{Pointers, Signs};
use super::Avx512;
use crate::element::Element;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES, RunSums, lowest};

const GROUP: usize = 16;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    #[inline(always)]
    pub(super) unsafe fn signs_f32(self, x: *const f32, len: usize) -> u64 {
        let mut bits = 0;
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            let k = unsafe {
                _mm512_cmp_ps_mask::<_CMP_GT_OQ>(load(x.add(at), len - at), _mm512_setzero_ps())
            };
            bits |= u64::from(k) << at;
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn activate_f32(
        self,
        x: *mut f32,
        len: usize,
        slopes: &impl ChunkSlopes<f32>,
    ) -> u64 {
        let mut bits = 0;
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let v = load(x.add(at), len - at);
                let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(v, _mm512_setzero_ps());
                let slope = slopes_at(slopes, at);
                let factor = _mm512_mask_mov_ps(slope, positive, _mm512_set1_ps(1.0));
                store(x.add(at), len - at, _mm512_mul_ps(v, factor));
                bits |= u64::from(positive) << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_f32(
        self,
        (g, b, dx): Pointers<f32>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) {
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let k = summed(signs, at, b, len);
                let factor = _mm512_mask_mov_ps(_mm512_set1_ps(1.0), k, slopes_at(slopes, at));
                let v = load(g.add(at), len - at);
                store(dx.add(at), len - at, _mm512_mul_ps(v, factor));
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn sum_f32(
        self,
        g: *const f32,
        b: *const f32,
        len: usize,
        which: u64,
        sums: &mut [f64; LANES],
    ) {
        let [mut a, mut b4, mut c, mut d]: [__m256d; 4] = cast(*sums);
        let mut at = 0;
        while at + GROUP <= len {
            let (low, high) = ((which >> at) as u8, (which >> (at + 8)) as u8);
            // SAFETY: the caller's.
            unsafe {
                let (g, b) = (g.add(at), b.add(at));
                a = add4(g, b, 4, low, a);
                b4 = add4(g.add(4), b.add(4), 4, low >> 4, b4);
                c = add4(g.add(8), b.add(8), 4, high, c);
                d = add4(g.add(12), b.add(12), 4, high >> 4, d);
            }
            at += GROUP;
        }
        let left = len - at;
        // SAFETY: the caller's.
        unsafe {
            let (g, b, rest) = (g.add(at), b.add(at), which.unbounded_shr(at as u32));
            if left > 0 {
                a = add4(g, b, left, rest as u8, a);
            }
            if left > 4 {
                b4 = add4(g.add(4), b.add(4), left - 4, (rest >> 4) as u8, b4);
            }
            if left > 8 {
                c = add4(g.add(8), b.add(8), left - 8, (rest >> 8) as u8, c);
            }
            if left > 12 {
                d = add4(g.add(12), b.add(12), left - 12, (rest >> 12) as u8, d);
            }
        }
        *sums = cast([a, b4, c, d]);
    }

    /// [`Avx512::sum_f32`] and [`Avx512::propagate_f32`] of a whole chunk, sixteen at a time: one mask from
    /// the signs serves both.
    #[inline(always)]
    pub(super) unsafe fn backward_f32(
        self,
        (g, b, dx): Pointers<f32>,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        sums: &mut [f64; LANES],
    ) {
        let [mut s0, mut s1, mut s2, mut s3]: [__m256d; 4] = cast(*sums);
        for at in (0..CHUNK).step_by(GROUP) {
            // SAFETY: the caller's; sixteen elements are written after they were read.
            unsafe {
                let k0 = summed(signs, at, b, CHUNK);
                let (k1, k2, k3) = (shift::<4>(k0), shift::<8>(k0), shift::<12>(k0));
                let (g, b, dx) = (g.add(at), b.add(at), dx.add(at));
                s0 = add4(g, b, 4, k0 as u8, s0);
                s1 = add4(g.add(4), b.add(4), 4, k1 as u8, s1);
                s2 = add4(g.add(8), b.add(8), 4, k2 as u8, s2);
                s3 = add4(g.add(12), b.add(12), 4, k3 as u8, s3);
                let factor = _mm512_mask_mov_ps(_mm512_set1_ps(1.0), k0, slopes_at(slopes, at));
                _mm512_storeu_ps(dx, _mm512_mul_ps(_mm512_loadu_ps(g), factor));
            }
        }
        *sums = cast([s0, s1, s2, s3]);
    }

    /// [`Avx512::backward_f32`] where runs end in the chunk: of sixteen elements over an end, the products go to
    /// two sums.
    #[inline(always)]
    pub(super) unsafe fn over_ends_f32<T: Element>(
        self,
        (g, b, dx): Pointers<f32>,
        signs: Signs,
        slopes: ByRun<f32>,
        sums: &mut RunSums<'_, T::Accumulator>,
    ) {
        let ([mut slope, mut next, last], [mut end, mut next_end]) = (slopes.slopes, slopes.ends);
        let mut lanes: [__m256d; 4] = cast(sums.lanes.sums);
        for at in (0..CHUNK).step_by(GROUP) {
            // SAFETY: the caller's; sixteen elements are written after they were read.
            unsafe {
                let k = summed(signs, at, b, CHUNK);
                let (g, b, dx) = (g.add(at), b.add(at), dx.add(at));
                let mut wide = [(_mm256_setzero_pd(), _mm256_setzero_pd()); 4];
                for (index, wide) in wide.iter_mut().enumerate() {
                    let (g, b) = (g.add(4 * index), b.add(4 * index));
                    *wide = (_mm256_cvtps_pd(_mm_loadu_ps(g)), _mm256_cvtps_pd(_mm_loadu_ps(b)));
                }
                let mut slopes = _mm512_set1_ps(slope);
                let mut which = k;
                if end <= at + GROUP {
                    let own = lowest(end - at) as u16;
                    which = k & !own;
                    add16(&wide, k & own, &mut lanes);
                    sums.lanes.sums = cast(lanes);
                    sums.close::<T, Avx512>(self);
                    lanes = cast(sums.lanes.sums);
                    slopes = _mm512_mask_mov_ps(_mm512_set1_ps(next), own, slopes);
                    (slope, next) = (next, last);
                    (end, next_end) = (next_end, usize::MAX);
                }
                add16(&wide, which, &mut lanes);
                let factor = _mm512_mask_mov_ps(_mm512_set1_ps(1.0), k, slopes);
                _mm512_storeu_ps(dx, _mm512_mul_ps(_mm512_loadu_ps(g), factor));
            }
        }
        sums.lanes.sums = cast(lanes);
    }

    #[inline(always)]
    pub(super) unsafe fn columns_f32(
        self,
        g: *const f32,
        b: *const f32,
        len: usize,
        signs: Signs,
        sums: &mut [f64; CHUNK],
    ) {
        // In 512 bits: pairs of 256-bit sums would be joined on their way to memory and taken apart again.
        let mut columns: [__m512d; CHUNK / 8] = cast(*sums);
        for (index, column) in columns.iter_mut().enumerate() {
            let at = 8 * index;
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            *column = unsafe {
                let (g, b) = (load8(g.add(at), len - at), load8(b.add(at), len - at));
                let k = match signs {
                    Signs::Bits(bits) => (!bits >> at) as u8,
                    Signs::OfBasis => _mm256_cmp_ps_mask::<_CMP_NGT_UQ>(b, _mm256_setzero_ps()),
                };
                let (g, b) = (_mm512_cvtps_pd(g), _mm512_cvtps_pd(b));
                _mm512_mask3_fmadd_pd(g, b, *column, k)
            };
        }
        *sums = cast(columns);
    }

    /// The same, with sums in memory.
    #[inline(always)]
    pub(super) unsafe fn row_f32(
        self,
        g: *const f32,
        b: *const f32,
        len: usize,
        signs: Signs,
        row: &mut [f64],
    ) {
        let row = &mut row[..len];
        for at in (0..CHUNK).step_by(4) {
            if at >= len {
                break;
            }
            let left = len - at;
            // SAFETY: the caller's; the row is as long.
            unsafe {
                let to = row.as_mut_ptr().add(at);
                let (g, b) = (g.add(at), b.add(at));
                let k = match signs {
                    Signs::Bits(bits) => (!bits >> at) as u8,
                    Signs::OfBasis => {
                        _mm_cmp_ps_mask::<_CMP_NGT_UQ>(load4(b, left), _mm_setzero_ps())
                    }
                };
                if left >= 4 {
                    _mm256_storeu_pd(to, add4(g, b, left, k, _mm256_loadu_pd(to)));
                } else {
                    let there = lowest(left) as u8;
                    let sum = add4(g, b, left, k, _mm256_maskz_loadu_pd(there, to));
                    _mm256_mask_storeu_pd(to, there, sum);
                }
            }
        }
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for eight of them.
#[inline(always)]
unsafe fn load8(from: *const f32, len: usize) -> __m256 {
    // SAFETY: the caller's.
    unsafe {
        if len >= 8 {
            _mm256_loadu_ps(from)
        } else {
            _mm256_maskz_loadu_ps(lowest(len) as u8, from)
        }
    }
}

/// Which of the sixteen elements from `at` on are to be summed.
///
/// # Safety
/// Where signs are the basis's, it is good for `len` elements.
#[inline(always)]
unsafe fn summed(signs: Signs, at: usize, b: *const f32, len: usize) -> __mmask16 {
    match signs {
        Signs::Bits(bits) => (!bits >> at) as u16,
        // SAFETY: the caller's.
        Signs::OfBasis => unsafe { not_positive(load(b.add(at), len - at)) },
    }
}

/// Which of sixteen numbers are not above 0.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn not_positive(x: __m512) -> __mmask16 {
    // SAFETY: the caller's.
    unsafe { _mm512_cmp_ps_mask::<_CMP_NGT_UQ>(x, _mm512_setzero_ps()) }
}

/// The slopes of sixteen elements.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
pub(super) unsafe fn slopes_at(slopes: &impl ChunkSlopes<f32>, at: usize) -> __m512 {
    let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
        return cast(slopes.group::<GROUP>(at));
    };
    let [before_first, before_second] = ends.map(|end| (lowest(end) >> at) as u16);
    // SAFETY: the caller's.
    unsafe {
        let later =
            _mm512_mask_mov_ps(_mm512_set1_ps(third), before_second, _mm512_set1_ps(second));
        _mm512_mask_mov_ps(later, before_first, _mm512_set1_ps(first))
    }
}

/// A mask shifted right in the mask registers. LLVM makes of the intrinsic a shift of integers and another
/// move to a mask register, which a sum waits for: in cache the pass takes a sixth longer.
#[inline]
#[target_feature(enable = "avx512f")]
fn shift<const BITS: u8>(mask: __mmask16) -> __mmask16 {
    let shifted;
    // SAFETY: two mask registers are all that is touched.
    unsafe {
        std::arch::asm!(
            "kshiftrw {to}, {from}, {bits}",
            from = in(kreg) mask,
            to = lateout(kreg) shifted,
            bits = const BITS,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    shifted
}

/// Adds the products of `which` among sixteen widened pairs.
///
/// # Safety
/// The processor has AVX-512 F and VL.
#[inline(always)]
unsafe fn add16(wide: &[(__m256d, __m256d); 4], which: __mmask16, lanes: &mut [__m256d; 4]) {
    // SAFETY: the caller's.
    unsafe {
        let masks = [which, shift::<4>(which), shift::<8>(which), shift::<12>(which)];
        for ((lane, (g, b)), k) in lanes.iter_mut().zip(wide).zip(masks) {
            *lane = _mm256_mask3_fmadd_pd(*g, *b, *lane, k as u8);
        }
    }
}

/// `sum + g * b` for the four lanes of `which`.
///
/// # Safety
/// Pointers are good for `len` elements, or for four of them.
#[inline(always)]
unsafe fn add4(g: *const f32, b: *const f32, len: usize, which: u8, sum: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe {
        let (g, b) = (_mm256_cvtps_pd(load4(g, len)), _mm256_cvtps_pd(load4(b, len)));
        _mm256_mask3_fmadd_pd(g, b, sum, which)
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for four of them.
#[inline(always)]
unsafe fn load4(from: *const f32, len: usize) -> __m128 {
    // SAFETY: the caller's.
    unsafe {
        if len >= 4 { _mm_loadu_ps(from) } else { _mm_maskz_loadu_ps(lowest(len) as u8, from) }
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn load(from: *const f32, len: usize) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        if len >= GROUP {
            _mm512_loadu_ps(from)
        } else {
            _mm512_maskz_loadu_ps(lowest(len) as u16, from)
        }
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn store(to: *mut f32, len: usize, v: __m512) {
    // SAFETY: the caller's.
    unsafe {
        if len >= GROUP {
            _mm512_storeu_ps(to, v);
        } else {
            _mm512_mask_storeu_ps(to, lowest(len) as u16, v);
        }
    }
}
