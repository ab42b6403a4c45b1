//! `f64`: eight to a vector. Sums are twofold.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::signs::{Pointers, Signs};
use super::Avx512;
use super::fold::add_twofold;
use crate::element::Element;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, Columns, Lanes, RunSums, lowest};

const GROUP: usize = 8;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    #[inline(always)]
    pub(super) unsafe fn signs_f64(self, x: *const f64, len: usize) -> u64 {
        let mut bits = 0;
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            let k = unsafe {
                if len - at >= GROUP {
                    positive(x.add(at))
                } else {
                    _mm512_cmp_pd_mask::<_CMP_GT_OQ>(load(x.add(at), len - at), _mm512_setzero_pd())
                }
            };
            bits |= u64::from(k) << at;
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
        let mut bits = 0;
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let v = load(x.add(at), len - at);
                let positive = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(v, _mm512_setzero_pd());
                let slope = slopes_at(slopes, at);
                let factor = _mm512_mask_mov_pd(slope, positive, _mm512_set1_pd(1.0));
                store(x.add(at), len - at, _mm512_mul_pd(v, factor));
                bits |= u64::from(positive) << at;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_f64(
        self,
        (g, b, dx): Pointers<f64>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f64>,
    ) {
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let k = summed(signs, at, b, len);
                let factor = _mm512_mask_mov_pd(_mm512_set1_pd(1.0), k, slopes_at(slopes, at));
                let v = load(g.add(at), len - at);
                store(dx.add(at), len - at, _mm512_mul_pd(v, factor));
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
        let mut sums: [__m512d; 2] = cast(lanes.sums);
        let mut lost: [__m512d; 2] = cast(lanes.lost);
        let mut at = 0;
        while at < len {
            for (half, (sum, lost)) in sums.iter_mut().zip(&mut lost).enumerate() {
                let here = at + GROUP * half;
                if here < len {
                    // SAFETY: the caller's.
                    unsafe {
                        let (g, b) = (load(g.add(here), len - here), load(b.add(here), len - here));
                        let k = (which >> here) as u8;
                        add_twofold(_mm512_maskz_mul_pd(k, g, b), sum, lost);
                    }
                }
            }
            at += 2 * GROUP;
        }
        (lanes.sums, lanes.lost) = (cast(sums), cast(lost));
    }

    /// [`Avx512::sum_f64`] and [`Avx512::propagate_f64`] of a whole chunk: one mask from the signs serves both.
    #[inline(always)]
    pub(super) unsafe fn backward_f64(
        self,
        (g, b, dx): Pointers<f64>,
        signs: Signs,
        slopes: &impl ChunkSlopes<f64>,
        lanes: &mut Lanes,
    ) {
        let mut sums: [__m512d; 2] = cast(lanes.sums);
        let mut lost: [__m512d; 2] = cast(lanes.lost);
        for index in 0..CHUNK / GROUP {
            let at = GROUP * index;
            // SAFETY: the caller's; eight elements are written after they were read.
            unsafe {
                let (v, basis) = (_mm512_loadu_pd(g.add(at)), _mm512_loadu_pd(b.add(at)));
                let k = summed(signs, at, b, CHUNK);
                let term = _mm512_maskz_mul_pd(k, v, basis);
                add_twofold(term, &mut sums[index % 2], &mut lost[index % 2]);
                let factor = _mm512_mask_mov_pd(_mm512_set1_pd(1.0), k, slopes_at(slopes, at));
                _mm512_storeu_pd(dx.add(at), _mm512_mul_pd(v, factor));
            }
        }
        (lanes.sums, lanes.lost) = (cast(sums), cast(lost));
    }

    /// [`Avx512::backward_f64`] where runs end in the chunk: of eight elements
    /// over an end, the products go to two sums.
    #[inline(always)]
    pub(super) unsafe fn over_ends_f64<T: Element>(
        self,
        (g, b, dx): Pointers<f64>,
        signs: Signs,
        slopes: ByRun<f64>,
        sums: &mut RunSums<'_, T::Accumulator>,
    ) {
        let ([mut slope, mut next, last], [mut end, mut next_end]) = (slopes.slopes, slopes.ends);
        let [mut sum0, mut sum1]: [__m512d; 2] = cast(sums.lanes.sums);
        let [mut lost0, mut lost1]: [__m512d; 2] = cast(sums.lanes.lost);
        // Lanes by name: by index they would lie in memory, and each addition would wait for the one before.
        macro_rules! eight {
            ($at:expr, $sum:ident, $lost:ident) => {{
                let at = $at;
                let (v, basis) = (_mm512_loadu_pd(g.add(at)), _mm512_loadu_pd(b.add(at)));
                let k = summed(signs, at, b, CHUNK);
                let mut slopes = _mm512_set1_pd(slope);
                let mut term = _mm512_maskz_mul_pd(k, v, basis);
                if end <= at + GROUP {
                    let own = lowest(end - at) as u8;
                    add_twofold(_mm512_maskz_mov_pd(own, term), &mut $sum, &mut $lost);
                    sums.lanes.sums = cast([sum0, sum1]);
                    sums.lanes.lost = cast([lost0, lost1]);
                    sums.close::<T, Avx512>(self);
                    [sum0, sum1] = cast(sums.lanes.sums);
                    [lost0, lost1] = cast(sums.lanes.lost);
                    term = _mm512_maskz_mov_pd(!own, term);
                    slopes = _mm512_mask_mov_pd(_mm512_set1_pd(next), own, slopes);
                    (slope, next) = (next, last);
                    (end, next_end) = (next_end, usize::MAX);
                }
                add_twofold(term, &mut $sum, &mut $lost);
                let factor = _mm512_mask_mov_pd(_mm512_set1_pd(1.0), k, slopes);
                _mm512_storeu_pd(dx.add(at), _mm512_mul_pd(v, factor));
            }};
        }
        for at in (0..CHUNK).step_by(2 * GROUP) {
            // SAFETY: the caller's; eight elements are written after they were read.
            unsafe {
                eight!(at, sum0, lost0);
                eight!(at + GROUP, sum1, lost1);
            }
        }
        sums.lanes.sums = cast([sum0, sum1]);
        sums.lanes.lost = cast([lost0, lost1]);
    }

    #[inline(always)]
    pub(super) unsafe fn columns_f64(
        self,
        g: *const f64,
        b: *const f64,
        len: usize,
        signs: Signs,
        columns: &mut Columns,
    ) {
        let mut sums: [__m512d; CHUNK / GROUP] = cast(columns.sums);
        let mut lost: [__m512d; CHUNK / GROUP] = cast(columns.lost);
        for (index, (sum, lost)) in sums.iter_mut().zip(&mut lost).enumerate() {
            let at = GROUP * index;
            if at >= len {
                break;
            }
            // SAFETY: the caller's.
            unsafe {
                let k = summed(signs, at, b, len);
                let (g, b) = (load(g.add(at), len - at), load(b.add(at), len - at));
                add_twofold(_mm512_maskz_mul_pd(k, g, b), sum, lost);
            }
        }
        (columns.sums, columns.lost) = (cast(sums), cast(lost));
    }

    /// The same, with sums in memory, each beside what its roundings lost.
    #[inline(always)]
    pub(super) unsafe fn row_f64(
        self,
        g: *const f64,
        b: *const f64,
        len: usize,
        signs: Signs,
        row: &mut [[f64; 2]],
    ) {
        let row = &mut row[..len];
        for at in (0..CHUNK).step_by(GROUP) {
            if at >= len {
                break;
            }
            let left = len - at;
            // SAFETY: the caller's; the row is as long, and each of its entries is two numbers.
            unsafe {
                let to = row.as_mut_ptr().add(at).cast::<f64>();
                let k = summed(signs, at, b, len);
                let (g, b) = (load(g.add(at), left), load(b.add(at), left));
                let (low, high) = (load(to, 2 * left), load_from(to, GROUP, 2 * left));
                let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
                let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
                let mut sum = _mm512_permutex2var_pd(low, even, high);
                let mut lost = _mm512_permutex2var_pd(low, odd, high);
                let term = _mm512_maskz_mul_pd(k, g, b);
                add_twofold(term, &mut sum, &mut lost);
                let first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
                let second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
                store(to, 2 * left, _mm512_permutex2var_pd(sum, first, lost));
                if 2 * left > GROUP {
                    let rest = _mm512_permutex2var_pd(sum, second, lost);
                    store(to.add(GROUP), 2 * left - GROUP, rest);
                }
            }
        }
    }
}

/// Which of eight elements are greater than 0. Calls stay in their order: where LLVM sees comparisons, it
/// reads the eight cache lines of a chunk from the last to the first, which no prefetcher follows, and the pass
/// takes twice as long.
///
/// # Safety
/// The pointer is good for eight elements.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn positive(x: *const f64) -> __mmask8 {
    let mask: __mmask16;
    // SAFETY: eight elements are read, and a mask register is written.
    unsafe {
        std::arch::asm!(
            "vcmppd {mask}, {zero}, [{x}], 17",
            mask = lateout(kreg) mask,
            zero = in(zmm_reg) _mm512_setzero_pd(),
            x = in(reg) x,
            options(readonly, nostack),
        );
    }
    mask as __mmask8
}

/// Which of the eight elements from `at` on are to be summed.
///
/// # Safety
/// Where signs are the basis's, it is good for `len` elements.
#[inline(always)]
unsafe fn summed(signs: Signs, at: usize, b: *const f64, len: usize) -> __mmask8 {
    match signs {
        Signs::Bits(bits) => (!bits >> at) as u8,
        // SAFETY: the caller's.
        Signs::OfBasis => unsafe {
            _mm512_cmp_pd_mask::<_CMP_NGT_UQ>(load(b.add(at), len - at), _mm512_setzero_pd())
        },
    }
}

/// The slopes of eight elements.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn slopes_at(slopes: &impl ChunkSlopes<f64>, at: usize) -> __m512d {
    let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
        return cast(slopes.group::<GROUP>(at));
    };
    let [before_first, before_second] = ends.map(|end| (lowest(end) >> at) as u8);
    // SAFETY: the caller's.
    unsafe {
        let later =
            _mm512_mask_mov_pd(_mm512_set1_pd(third), before_second, _mm512_set1_pd(second));
        _mm512_mask_mov_pd(later, before_first, _mm512_set1_pd(first))
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for eight of them.
#[inline(always)]
unsafe fn load(from: *const f64, len: usize) -> __m512d {
    // SAFETY: the caller's.
    unsafe {
        if len >= GROUP {
            _mm512_loadu_pd(from)
        } else {
            _mm512_maskz_loadu_pd(lowest(len) as u8, from)
        }
    }
}

/// The eight elements from `at` on, or zeroes where there are none.
///
/// # Safety
/// The pointer is good for `len` elements, or for `at` and eight more.
#[inline(always)]
unsafe fn load_from(from: *const f64, at: usize, len: usize) -> __m512d {
    // SAFETY: the caller's.
    unsafe { if len > at { load(from.add(at), len - at) } else { _mm512_setzero_pd() } }
}

/// # Safety
/// The pointer is good for `len` elements, or for eight of them.
#[inline(always)]
unsafe fn store(to: *mut f64, len: usize, v: __m512d) {
    // SAFETY: the caller's.
    unsafe {
        if len >= GROUP {
            _mm512_storeu_pd(to, v);
        } else {
            _mm512_mask_storeu_pd(to, lowest(len) as u8, v);
        }
    }
}
