//! Backward of `f64`: four elements read once, summed and propagated.
//!
//! ```text
//! for each four:  negative = not basis > 0, or the bits
//!                 twofold sum of its lanes += g * basis where negative
//!                 dx = g * (slope where negative, else 1)
//! ```

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::signs::{Pointers, Signs};
use super::Avx2;
use super::f64::slopes_at;
use super::fold::add_twofold;
use super::rests::{load4, store4};
use crate::vectors::slopes::ChunkSlopes;
use crate::vectors::{CHUNK, Columns, LANES, Lanes};

const GROUP: usize = 4;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx2 {
    #[inline(always)]
    pub(super) unsafe fn backward_f64(
        self,
        (g, b, dx): Pointers<f64>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f64>,
        lanes: &mut Lanes,
    ) {
        let [mut s0, mut s1, mut s2, mut s3]: [__m256d; 4] = cast(lanes.sums);
        let [mut l0, mut l1, mut l2, mut l3]: [__m256d; 4] = cast(lanes.lost);
        let mut at = 0;
        // SAFETY: the caller's; elements are written after they were read.
        unsafe {
            while at + LANES <= len {
                let signs = signs.from(at);
                let here = (g.add(at), b.add(at), dx.add(at));
                four(here, signs, 0, slopes_at(slopes, at), &mut s0, &mut l0);
                four(next(here, 4), signs, 4, slopes_at(slopes, at + 4), &mut s1, &mut l1);
                four(next(here, 8), signs, 8, slopes_at(slopes, at + 8), &mut s2, &mut l2);
                four(next(here, 12), signs, 12, slopes_at(slopes, at + 12), &mut s3, &mut l3);
                at += LANES;
            }
            let rest = len - at;
            if rest > 0 {
                let (signs, here) = (signs.from(at), (g.add(at), b.add(at), dx.add(at)));
                four_of(rest, here, signs, 0, slopes_at(slopes, at), &mut s0, &mut l0);
                if rest > 4 {
                    let slope = slopes_at(slopes, at + 4);
                    four_of(rest - 4, next(here, 4), signs, 4, slope, &mut s1, &mut l1);
                }
                if rest > 8 {
                    let slope = slopes_at(slopes, at + 8);
                    four_of(rest - 8, next(here, 8), signs, 8, slope, &mut s2, &mut l2);
                }
                if rest > 12 {
                    let slope = slopes_at(slopes, at + 12);
                    four_of(rest - 12, next(here, 12), signs, 12, slope, &mut s3, &mut l3);
                }
            }
        }
        (lanes.sums, lanes.lost) = (cast([s0, s1, s2, s3]), cast([l0, l1, l2, l3]));
    }

    /// With a sum for each element.
    #[inline(always)]
    pub(super) unsafe fn backward_columns_f64(
        self,
        (g, b, dx): Pointers<f64>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f64>,
        columns: &mut Columns,
    ) {
        assert!(len <= CHUNK);
        let mut at = 0;
        // SAFETY: the caller's; columns are a chunk, and elements are written after they were read.
        unsafe {
            while at + LANES <= len {
                let signs = signs.from(at);
                let here = (g.add(at), b.add(at), dx.add(at));
                column4(here, signs, 0, slopes_at(slopes, at), columns, at);
                column4(next(here, 4), signs, 4, slopes_at(slopes, at + 4), columns, at + 4);
                column4(next(here, 8), signs, 8, slopes_at(slopes, at + 8), columns, at + 8);
                column4(next(here, 12), signs, 12, slopes_at(slopes, at + 12), columns, at + 12);
                at += LANES;
            }
            while at < len {
                let (left, slope) = ((len - at).min(GROUP), slopes_at(slopes, at));
                let (mut sums, mut lost) = ([0.0; GROUP], [0.0; GROUP]);
                sums.copy_from_slice(&columns.sums[at..at + GROUP]);
                lost.copy_from_slice(&columns.lost[at..at + GROUP]);
                let (mut sum, mut lost) = (cast(sums), cast(lost));
                let here = (g.add(at), b.add(at), dx.add(at));
                four_of(left, here, signs.from(at), 0, slope, &mut sum, &mut lost);
                columns.sums[at..at + GROUP].copy_from_slice(&cast::<_, [f64; GROUP]>(sum));
                columns.lost[at..at + GROUP].copy_from_slice(&cast::<_, [f64; GROUP]>(lost));
                at += GROUP;
            }
        }
    }
}

/// # Safety
/// Pointers are good for more than `by` elements.
#[inline(always)]
unsafe fn next((g, b, dx): Pointers<f64>, by: usize) -> Pointers<f64> {
    // SAFETY: the caller's.
    unsafe { (g.add(by), b.add(by), dx.add(by)) }
}

/// # Safety
/// Pointers are good for four elements.
#[inline(always)]
unsafe fn four(
    (g, b, dx): Pointers<f64>,
    signs: Signs,
    at: usize,
    slope: __m256d,
    sum: &mut __m256d,
    lost: &mut __m256d,
) {
    // SAFETY: the caller's.
    unsafe {
        let (v, b) = (_mm256_loadu_pd(g), _mm256_loadu_pd(b));
        let negative = negative(b, signs, at);
        add_twofold(term(v, b, negative, signs), sum, lost);
        _mm256_storeu_pd(dx, propagated(v, negative, slope));
    }
}

/// # Safety
/// Pointers are good for four elements, and there are as many columns from `first` on.
#[inline(always)]
unsafe fn column4(
    piece: Pointers<f64>,
    signs: Signs,
    at: usize,
    slope: __m256d,
    columns: &mut Columns,
    first: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let sums = columns.sums.as_mut_ptr().add(first);
        let all_lost = columns.lost.as_mut_ptr().add(first);
        let (mut sum, mut lost) = (_mm256_loadu_pd(sums), _mm256_loadu_pd(all_lost));
        four(piece, signs, at, slope, &mut sum, &mut lost);
        _mm256_storeu_pd(sums, sum);
        _mm256_storeu_pd(all_lost, lost);
    }
}

/// # Safety
/// Pointers are good for `len` elements.
#[inline(always)]
unsafe fn four_of(
    len: usize,
    (g, b, dx): Pointers<f64>,
    signs: Signs,
    at: usize,
    slope: __m256d,
    sum: &mut __m256d,
    lost: &mut __m256d,
) {
    // SAFETY: the caller's.
    unsafe {
        let (v, b) = (load4(g, len), load4(b, len));
        let negative = negative(b, signs, at);
        add_twofold(term(v, b, negative, signs), sum, lost);
        store4(dx, len, propagated(v, negative, slope));
    }
}

/// The four lanes that are not positive, for a blend, which looks at the highest bit of a lane; bits begin
/// at `at`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn negative(b: __m256d, signs: Signs, at: usize) -> __m256d {
    // SAFETY: the caller's.
    unsafe {
        match signs {
            Signs::OfBasis => _mm256_cmp_pd::<_CMP_NGT_UQ>(b, _mm256_setzero_pd()),
            Signs::Bits(bits) => {
                let at = at as i64;
                let own = _mm256_setr_epi64x(63 - at, 62 - at, 61 - at, 60 - at);
                let all = _mm256_broadcastq_epi64(_mm_cvtsi64_si128(!bits.cast_signed()));
                _mm256_castsi256_pd(_mm256_sllv_epi64(all, own))
            }
        }
    }
}

/// The products in the lanes of `which`, else 0. Of bits the highest alone is right; a comparison's lanes are all ones or none, so
/// that an AND does.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn term(g: __m256d, b: __m256d, which: __m256d, signs: Signs) -> __m256d {
    // SAFETY: the caller's.
    unsafe {
        let term = _mm256_mul_pd(g, b);
        match signs {
            Signs::OfBasis => _mm256_and_pd(term, which),
            Signs::Bits(_) => _mm256_blendv_pd(_mm256_setzero_pd(), term, which),
        }
    }
}

/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn propagated(g: __m256d, negative: __m256d, slope: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe { _mm256_mul_pd(g, _mm256_blendv_pd(_mm256_set1_pd(1.0), slope, negative)) }
}
