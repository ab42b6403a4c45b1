//! `f64`: four to a vector. Sums are twofold.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::fold::add_twofold;
use super::rests::{load4, store4};
use super::{Avx2, mask4};
use crate::accumulator::Accumulator;
use crate::element::Element;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{Columns, LANES, Lanes, bit};

const GROUP: usize = 4;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx2 {
    #[inline(always)]
    pub(super) unsafe fn signs_f64(self, x: *const f64, len: usize) -> u64 {
        let (mut bits, mut at) = (0, 0);
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                bits |= sign_bits(_mm256_loadu_pd(x.add(at))) << at;
                at += GROUP;
            }
            if at < len {
                bits |= sign_bits(load4(x.add(at), len - at)) << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn activate_f64(
        self,
        x: *mut f64,
        len: usize,
        slopes: &impl ChunkSlopes<f64>,
    ) -> u64 {
        let (mut bits, mut at) = (0, 0);
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                let (y, signs) = activated(_mm256_loadu_pd(x.add(at)), slopes_at(slopes, at));
                _mm256_storeu_pd(x.add(at), y);
                bits |= signs << at;
                at += GROUP;
            }
            if at < len {
                let (y, signs) = activated(load4(x.add(at), len - at), slopes_at(slopes, at));
                store4(x.add(at), len - at, y);
                bits |= signs << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_f64(
        self,
        g: *const f64,
        dx: *mut f64,
        len: usize,
        signs: u64,
        slopes: &impl ChunkSlopes<f64>,
    ) {
        let mut at = 0;
        // SAFETY: the caller's.
        unsafe {
            while at + GROUP <= len {
                let factor = factor(mask4(!signs >> at), slopes_at(slopes, at));
                let v = _mm256_mul_pd(_mm256_loadu_pd(g.add(at)), factor);
                _mm256_storeu_pd(dx.add(at), v);
                at += GROUP;
            }
            if at < len {
                let factor = factor(mask4(!signs >> at), slopes_at(slopes, at));
                store4(dx.add(at), len - at, _mm256_mul_pd(load4(g.add(at), len - at), factor));
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn sum_f64(
        self,
        g: *const f64,
        b: *const f64,
        len: usize,
        which: u64,
        lanes: &mut Lanes,
    ) {
        let mut sums: [__m256d; 4] = cast(lanes.sums);
        let mut lost: [__m256d; 4] = cast(lanes.lost);
        let mut at = 0;
        while at + LANES <= len {
            for (four, (sum, lost)) in sums.iter_mut().zip(&mut lost).enumerate() {
                let here = at + GROUP * four;
                // SAFETY: the caller's.
                unsafe {
                    let (g, b) = (_mm256_loadu_pd(g.add(here)), _mm256_loadu_pd(b.add(here)));
                    add_twofold(term(g, b, mask4(which >> here)), sum, lost);
                }
            }
            at += LANES;
        }
        if at < len {
            let which = which >> at;
            for (four, (sum, lost)) in sums.iter_mut().zip(&mut lost).enumerate() {
                let here = at + GROUP * four;
                if here < len {
                    // SAFETY: the caller's.
                    unsafe {
                        let left = len - here;
                        let (g, b) = (load4(g.add(here), left), load4(b.add(here), left));
                        add_twofold(term(g, b, mask4(which >> (GROUP * four))), sum, lost);
                    }
                }
            }
        }
        (lanes.sums, lanes.lost) = (cast(sums), cast(lost));
    }

    /// [`Avx2::sum_f64`] of the elements whose signs are not set and [`Avx2::propagate_f64`], four at a time.
    #[inline(always)]
    pub(super) unsafe fn backward_f64(
        self,
        (g, b, dx): (*const f64, *const f64, *mut f64),
        len: usize,
        signs: u64,
        slopes: &impl ChunkSlopes<f64>,
        lanes: &mut Lanes,
    ) {
        let mut sums: [__m256d; 4] = cast(lanes.sums);
        let mut lost: [__m256d; 4] = cast(lanes.lost);
        let mut at = 0;
        while at + LANES <= len {
            for (four, (sum, lost)) in sums.iter_mut().zip(&mut lost).enumerate() {
                let here = at + GROUP * four;
                // SAFETY: the caller's; four elements are written after they were read.
                unsafe {
                    let (v, b) = (_mm256_loadu_pd(g.add(here)), _mm256_loadu_pd(b.add(here)));
                    let negative = mask4(!signs >> here);
                    add_twofold(term(v, b, negative), sum, lost);
                    let v = _mm256_mul_pd(v, factor(negative, slopes_at(slopes, here)));
                    _mm256_storeu_pd(dx.add(here), v);
                }
            }
            at += LANES;
        }
        if at < len {
            let which = !signs >> at;
            for (four, (sum, lost)) in sums.iter_mut().zip(&mut lost).enumerate() {
                let here = at + GROUP * four;
                if here < len {
                    let left = len - here;
                    // SAFETY: the caller's; elements are written after they were read.
                    unsafe {
                        let (v, b) = (load4(g.add(here), left), load4(b.add(here), left));
                        let negative = mask4(which >> (GROUP * four));
                        add_twofold(term(v, b, negative), sum, lost);
                        let v = _mm256_mul_pd(v, factor(negative, slopes_at(slopes, here)));
                        store4(dx.add(here), left, v);
                    }
                }
            }
        }
        (lanes.sums, lanes.lost) = (cast(sums), cast(lost));
    }

    /// Adds each of `which` to a sum of its own.
    #[inline(always)]
    pub(super) unsafe fn columns_f64(
        self,
        g: *const f64,
        b: *const f64,
        len: usize,
        which: u64,
        columns: &mut Columns,
    ) {
        let sums = columns.sums.as_chunks_mut::<GROUP>().0;
        let all_lost = columns.lost.as_chunks_mut::<GROUP>().0;
        for (index, (sum, lost)) in sums.iter_mut().zip(all_lost).enumerate() {
            let at = GROUP * index;
            if at >= len {
                break;
            }
            let (mut next, mut next_lost): (__m256d, __m256d) = (cast(*sum), cast(*lost));
            // SAFETY: the caller's.
            unsafe {
                let (g, b) = (load4(g.add(at), len - at), load4(b.add(at), len - at));
                add_twofold(term(g, b, mask4(which >> at)), &mut next, &mut next_lost);
            }
            (*sum, *lost) = (cast(next), cast(next_lost));
        }
    }

    /// The same with sums in memory, each beside what its roundings lost.
    #[inline(always)]
    pub(super) unsafe fn row_f64(
        self,
        g: *const f64,
        b: *const f64,
        len: usize,
        which: u64,
        row: &mut [[f64; 2]],
    ) {
        let row = &mut row[..len];
        let mut at = 0;
        while at + GROUP <= len {
            // SAFETY: the caller's; the row is as long, and each of its entries is two numbers.
            unsafe {
                let to = row.as_mut_ptr().add(at).cast::<f64>();
                let (g, b) = (_mm256_loadu_pd(g.add(at)), _mm256_loadu_pd(b.add(at)));
                let (low, high) = (_mm256_loadu_pd(to), _mm256_loadu_pd(to.add(GROUP)));
                // Unpacking leaves entries in the order 0, 2, 1, 3.
                let mut sum = _mm256_unpacklo_pd(low, high);
                let mut lost = _mm256_unpackhi_pd(low, high);
                let term = _mm256_permute4x64_pd::<0b11_01_10_00>(term(g, b, mask4(which >> at)));
                add_twofold(term, &mut sum, &mut lost);
                _mm256_storeu_pd(to, _mm256_unpacklo_pd(sum, lost));
                _mm256_storeu_pd(to.add(GROUP), _mm256_unpackhi_pd(sum, lost));
            }
            at += GROUP;
        }
        for (lane, [sum, lost]) in row.iter_mut().enumerate().skip(at) {
            // SAFETY: the caller's.
            let product = unsafe { *g.add(lane) * *b.add(lane) };
            let term = if bit(which, lane) { product } else { 0.0 };
            <f64 as Element>::Accumulator::add(sum, lost, term);
        }
    }
}

/// The slopes of four elements.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn slopes_at(slopes: &impl ChunkSlopes<f64>, at: usize) -> __m256d {
    let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
        return cast(slopes.group::<GROUP>(at));
    };
    // SAFETY: the caller's.
    unsafe {
        let at = at as i64;
        let lane = _mm256_setr_epi64x(at, at + 1, at + 2, at + 3);
        let [first_end, second_end] =
            [_mm256_set1_epi64x(ends[0] as i64), _mm256_set1_epi64x(ends[1] as i64)];
        let before_first = _mm256_castsi256_pd(_mm256_cmpgt_epi64(first_end, lane));
        let before_second = _mm256_castsi256_pd(_mm256_cmpgt_epi64(second_end, lane));
        let later = _mm256_blendv_pd(_mm256_set1_pd(third), _mm256_set1_pd(second), before_second);
        _mm256_blendv_pd(later, _mm256_set1_pd(first), before_first)
    }
}

/// The signs of four elements.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn sign_bits(v: __m256d) -> u64 {
    // SAFETY: the caller's.
    let bits = unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(v, _mm256_setzero_pd())) };
    u64::from(bits as u8)
}

/// Four outputs, and the signs of what they are made from.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn activated(v: __m256d, slope: __m256d) -> (__m256d, u64) {
    // SAFETY: the caller's.
    unsafe {
        let positive = _mm256_cmp_pd::<_CMP_GT_OQ>(v, _mm256_setzero_pd());
        let bits = u64::from(_mm256_movemask_pd(positive) as u8);
        let factor = _mm256_blendv_pd(slope, _mm256_set1_pd(1.0), positive);
        (_mm256_mul_pd(v, factor), bits)
    }
}

/// The slope where `negative` has the lane, else 1.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn factor(negative: __m256d, slope: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe { _mm256_blendv_pd(_mm256_set1_pd(1.0), slope, negative) }
}

/// The products in the lanes of a mask, else 0.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn term(g: __m256d, b: __m256d, mask: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe { _mm256_and_pd(_mm256_mul_pd(g, b), mask) }
}
