//! `f16`, sixteen at a time, widened and rounded by instructions.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::signs::{Pointers, Signs};
use super::Avx512;
use super::f32::{not_positive, slopes_at};
use super::half::{add_to_lanes, add8, widen};
use crate::element::Element;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES, RunSums, lowest};

const GROUP: usize = 16;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    #[inline(always)]
    pub(super) unsafe fn activate_f16(
        self,
        x: *mut i16,
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
                let half = load16(x.add(at), len - at);
                let v = _mm512_cvtph_ps(half);
                let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(v, _mm512_setzero_ps());
                let scaled = scale_f16(v, positive, slopes_at(slopes, at));
                store16(x.add(at), len - at, scaled);
                bits |= u64::from(positive) << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_f16(
        self,
        (g, b, dx): Pointers<i16>,
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
                let v = _mm512_cvtph_ps(load16(g.add(at), len - at));
                let slope = slopes_at(slopes, at);
                let k = summed(signs, at, b, len);
                store16(dx.add(at), len - at, scale_f16(v, !k, slope));
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn backward_f16(
        self,
        (g, b, dx): Pointers<i16>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        sums: &mut [f64; LANES],
    ) {
        // SAFETY: the caller's.
        unsafe {
            // Not a closure: one would be left out of line, and compiled without these instructions.
            macro_rules! both {
                ($at:literal) => {{
                    let mut product = _mm512_setzero_ps();
                    if $at < len {
                        // Products behind a short group are 0 whatever their signs.
                        let left = len - $at;
                        let v = _mm512_cvtph_ps(load16(g.add($at), left));
                        let basis = _mm512_cvtph_ps(load16(b.add($at), left));
                        let k = summed(signs, $at, b, len);
                        product = _mm512_maskz_mul_ps(k, v, basis);
                        store16(dx.add($at), left, scale_f16(v, !k, slopes_at(slopes, $at)));
                    }
                    product
                }};
            }
            let (p0, p1, p2, p3) = (both!(0), both!(16), both!(32), both!(48));
            add_to_lanes(_mm512_add_ps(_mm512_add_ps(p0, p1), _mm512_add_ps(p2, p3)), sums);
        }
    }

    /// [`Avx512::backward_f16`] of a whole chunk in which runs end.
    #[inline(always)]
    pub(super) unsafe fn over_ends_f16<T: Element>(
        self,
        (g, b, dx): Pointers<i16>,
        signs: Signs,
        slopes: ByRun<f32>,
        sums: &mut RunSums<'_, T::Accumulator>,
    ) {
        // SAFETY: the caller's; sixteen elements are written after they were read.
        unsafe {
            let mut products = [_mm512_setzero_ps(); CHUNK / GROUP];
            for (index, product) in products.iter_mut().enumerate() {
                let at = GROUP * index;
                let v = _mm512_cvtph_ps(load16(g.add(at), GROUP));
                let basis = _mm512_cvtph_ps(load16(b.add(at), GROUP));
                let k = summed(signs, at, b, CHUNK);
                *product = _mm512_maskz_mul_ps(k, v, basis);
                store16(dx.add(at), GROUP, scale_f16(v, !k, slopes_at(&slopes, at)));
            }
            let [end, next_end] = slopes.ends;
            let mut ended = 0;
            if end <= CHUNK {
                add_part(&products, 0, end, &mut sums.lanes.sums);
                sums.close::<T, Avx512>(self);
                ended = end;
            }
            if next_end <= CHUNK {
                add_part(&products, end, next_end, &mut sums.lanes.sums);
                sums.close::<T, Avx512>(self);
                ended = next_end;
            }
            if ended < CHUNK {
                add_part(&products, ended, CHUNK, &mut sums.lanes.sums);
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn sum_f16(
        self,
        g: *const i16,
        b: *const i16,
        len: usize,
        which: u64,
        sums: &mut [f64; LANES],
    ) {
        // SAFETY: the caller's.
        unsafe {
            let p0 = product_f16(g, b, len, which, 0);
            let p1 = product_f16(g, b, len, which, 16);
            let p2 = product_f16(g, b, len, which, 32);
            let p3 = product_f16(g, b, len, which, 48);
            add_to_lanes(_mm512_add_ps(_mm512_add_ps(p0, p1), _mm512_add_ps(p2, p3)), sums);
        }
    }

    #[inline(always)]
    pub(super) unsafe fn columns_f16(
        self,
        g: *const i16,
        b: *const i16,
        len: usize,
        which: u64,
        sums: &mut [f64; CHUNK],
    ) {
        let mut columns: [[__m512d; 2]; CHUNK / GROUP] = cast(*sums);
        for (index, columns) in columns.iter_mut().enumerate() {
            let at = index * GROUP;
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let k = (which >> at) as u16;
                let v = _mm512_cvtph_ps(load16(g.add(at), len - at));
                let basis = _mm512_cvtph_ps(load16(b.add(at), len - at));
                let [low, high] = widen(_mm512_maskz_mul_ps(k, v, basis));
                columns[0] = _mm512_add_pd(columns[0], low);
                columns[1] = _mm512_add_pd(columns[1], high);
            }
        }
        *sums = cast(columns);
    }

    /// [`Avx512::propagate_f16`] of a whole chunk, and its products are added to `fours`.
    #[inline(always)]
    pub(super) unsafe fn fours_f16(
        self,
        (g, b, dx): Pointers<i16>,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        fours: &mut [f32; CHUNK],
    ) {
        let mut sums: [__m512; CHUNK / GROUP] = cast(*fours);
        for (index, sum) in sums.iter_mut().enumerate() {
            let at = index * GROUP;
            // SAFETY: the caller's; sixteen elements are written after they were read.
            unsafe {
                let v = _mm512_cvtph_ps(load16(g.add(at), GROUP));
                let basis = _mm512_cvtph_ps(load16(b.add(at), GROUP));
                let k = summed(signs, at, b, CHUNK);
                *sum = _mm512_add_ps(*sum, _mm512_maskz_mul_ps(k, v, basis));
                store16(dx.add(at), GROUP, scale_f16(v, !k, slopes_at(slopes, at)));
            }
        }
        *fours = cast(sums);
    }

    /// [`Avx512::columns_f16`] with sums in memory.
    #[inline(always)]
    pub(super) unsafe fn row_f16(
        self,
        g: *const i16,
        b: *const i16,
        len: usize,
        which: u64,
        row: &mut [f64],
    ) {
        let row = &mut row[..len];
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's; the row is as long.
            unsafe {
                let [low, high] = widen(product_f16(g, b, len, which, at));
                let to = row.as_mut_ptr().add(at);
                add8(low, to, len - at);
                if len - at > 8 {
                    add8(high, to.add(8), len - at - 8);
                }
            }
        }
    }
}

/// Which of sixteen elements from `at` on are to be summed.
///
/// # Safety
/// Where signs are the basis's, it is good for `len` elements.
#[inline(always)]
unsafe fn summed(signs: Signs, at: usize, b: *const i16, len: usize) -> __mmask16 {
    match signs {
        Signs::Bits(bits) => (!bits >> at) as u16,
        // SAFETY: the caller's.
        Signs::OfBasis => unsafe { not_positive(_mm512_cvtph_ps(load16(b.add(at), len - at))) },
    }
}

/// Adds the products of the elements `from .. to` of a chunk.
///
/// # Safety
/// The processor has AVX-512 F and DQ.
#[inline(always)]
unsafe fn add_part(
    products: &[__m512; CHUNK / GROUP],
    from: usize,
    to: usize,
    sums: &mut [f64; LANES],
) {
    let part = lowest(to) & !lowest(from);
    // SAFETY: the caller's.
    unsafe {
        let mut own = [_mm512_setzero_ps(); CHUNK / GROUP];
        for (index, (own, &product)) in own.iter_mut().zip(products).enumerate() {
            *own = _mm512_maskz_mov_ps((part >> (GROUP * index)) as u16, product);
        }
        let [p0, p1, p2, p3] = own;
        add_to_lanes(_mm512_add_ps(_mm512_add_ps(p0, p1), _mm512_add_ps(p2, p3)), sums);
    }
}

/// The products of `which` among sixteen elements of a chunk from `at` on, in `f32`.
///
/// # Safety
/// Pointers are good for `len` elements.
#[inline(always)]
unsafe fn product_f16(g: *const i16, b: *const i16, len: usize, which: u64, at: usize) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        if at >= len {
            return _mm512_setzero_ps();
        }
        let v = _mm512_cvtph_ps(load16(g.add(at), len - at));
        let basis = _mm512_cvtph_ps(load16(b.add(at), len - at));
        _mm512_maskz_mul_ps((which >> at) as u16, v, basis)
    }
}

/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn scale_f16(v: __m512, positive: __mmask16, slope: __m512) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        let factor = _mm512_mask_mov_ps(slope, positive, _mm512_set1_ps(1.0));
        _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm512_mul_ps(v, factor))
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn load16(from: *const i16, len: usize) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        if len >= GROUP {
            _mm256_loadu_si256(from.cast())
        } else {
            _mm256_maskz_loadu_epi16(lowest(len) as u16, from)
        }
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn store16(to: *mut i16, len: usize, v: __m256i) {
    // SAFETY: the caller's.
    unsafe {
        if len >= GROUP {
            _mm256_storeu_si256(to.cast(), v);
        } else {
            _mm256_mask_storeu_epi16(to, lowest(len) as u16, v);
        }
    }
}
