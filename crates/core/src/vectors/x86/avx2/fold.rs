//! Sums in lanes, added up in halves.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx2;
use crate::vectors::{LANES, Lanes};

impl Avx2 {
    #[inline(always)]
    pub(super) fn fold_plain(self, sums: &[f64; LANES]) -> f64 {
        let [a, b, c, d]: [__m256d; 4] = cast(*sums);
        // SAFETY: the value `self` proves AVX2.
        unsafe {
            let four = _mm256_add_pd(_mm256_add_pd(a, c), _mm256_add_pd(b, d));
            let upper = _mm256_extractf128_pd::<1>(four);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), upper);
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    /// The sum, and what its roundings lost.
    #[inline(always)]
    pub(super) fn fold_twofold(self, lanes: &Lanes) -> (f64, f64) {
        let [mut a, mut b, c, d]: [__m256d; 4] = cast(lanes.sums);
        let [mut a_lost, mut b_lost, c_lost, d_lost]: [__m256d; 4] = cast(lanes.lost);
        // SAFETY: the value `self` proves AVX2.
        unsafe {
            join4((c, c_lost), &mut a, &mut a_lost);
            join4((d, d_lost), &mut b, &mut b_lost);
            join4((b, b_lost), &mut a, &mut a_lost);
            let (mut two, mut lost) = (_mm256_castpd256_pd128(a), _mm256_castpd256_pd128(a_lost));
            let upper = (_mm256_extractf128_pd::<1>(a), _mm256_extractf128_pd::<1>(a_lost));
            join2(upper, &mut two, &mut lost);
            join2((_mm_unpackhi_pd(two, two), _mm_unpackhi_pd(lost, lost)), &mut two, &mut lost);
            (_mm_cvtsd_f64(two), _mm_cvtsd_f64(lost))
        }
    }
}

/// Adds a term, and to `lost` what the rounding loses.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn add_twofold(term: __m256d, sum: &mut __m256d, lost: &mut __m256d) {
    // SAFETY: the caller's.
    unsafe {
        let next = _mm256_add_pd(*sum, term);
        let from_term = _mm256_sub_pd(next, *sum);
        let from_sum = _mm256_sub_pd(next, from_term);
        let error = _mm256_add_pd(_mm256_sub_pd(*sum, from_sum), _mm256_sub_pd(term, from_term));
        *lost = _mm256_add_pd(*lost, error);
        *sum = next;
    }
}

/// Adds a sum and what it lost, in four lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn join4((other, other_lost): (__m256d, __m256d), sum: &mut __m256d, lost: &mut __m256d) {
    // SAFETY: the caller's.
    unsafe {
        *lost = _mm256_add_pd(*lost, other_lost);
        add_twofold(other, sum, lost);
    }
}

/// The same in two lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn join2((other, other_lost): (__m128d, __m128d), sum: &mut __m128d, lost: &mut __m128d) {
    // SAFETY: the caller's.
    unsafe {
        let next = _mm_add_pd(*sum, other);
        let from_term = _mm_sub_pd(next, *sum);
        let from_sum = _mm_sub_pd(next, from_term);
        let error = _mm_add_pd(_mm_sub_pd(*sum, from_sum), _mm_sub_pd(other, from_term));
        *lost = _mm_add_pd(_mm_add_pd(*lost, other_lost), error);
        *sum = next;
    }
}
