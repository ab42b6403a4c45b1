//! Lanes added up in halves.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx512;
use crate::vectors::Lanes;

impl Avx512 {
    #[inline(always)]
    pub(super) fn fold_plain(self, lanes: &Lanes) -> f64 {
        let [a, b, c, d]: [__m256d; 4] = cast(lanes.sums);
        // SAFETY: the value `self` proves AVX2.
        unsafe {
            let four = _mm256_add_pd(_mm256_add_pd(a, c), _mm256_add_pd(b, d));
            let upper = _mm256_extractf128_pd::<1>(four);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), upper);
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }

    /// The lanes added up in halves: their sum, and what its roundings lost.
    #[inline(always)]
    pub(super) fn fold_twofold(self, lanes: &Lanes) -> (f64, f64) {
        let [mut sum, other]: [__m512d; 2] = cast(lanes.sums);
        let [mut lost, other_lost]: [__m512d; 2] = cast(lanes.lost);
        // SAFETY: the value `self` proves AVX-512 F and DQ.
        unsafe {
            lost = _mm512_add_pd(lost, other_lost);
            add_twofold(other, &mut sum, &mut lost);
            let other_lost = _mm512_extractf64x4_pd::<1>(lost);
            let mut four = _mm512_castpd512_pd256(sum);
            let mut four_lost = _mm256_add_pd(_mm512_castpd512_pd256(lost), other_lost);
            add_twofold_256(_mm512_extractf64x4_pd::<1>(sum), &mut four, &mut four_lost);
            let other_lost = _mm256_extractf128_pd::<1>(four_lost);
            let mut two = _mm256_castpd256_pd128(four);
            let mut two_lost = _mm_add_pd(_mm256_castpd256_pd128(four_lost), other_lost);
            add_twofold_128(_mm256_extractf128_pd::<1>(four), &mut two, &mut two_lost);
            let upper_lost = _mm_unpackhi_pd(two_lost, two_lost);
            two_lost = _mm_add_pd(two_lost, upper_lost);
            add_twofold_128(_mm_unpackhi_pd(two, two), &mut two, &mut two_lost);
            (_mm_cvtsd_f64(two), _mm_cvtsd_f64(two_lost))
        }
    }
}

/// Adds a term, and to `lost` what the rounding loses.
macro_rules! add_twofold {
    ($visible:vis $name:ident, $vector:ty, $add:ident, $sub:ident) => {
        /// # Safety
        /// The processor has AVX-512 F.
        #[inline(always)]
        $visible unsafe fn $name(term: $vector, sum: &mut $vector, lost: &mut $vector) {
            // SAFETY: the caller's.
            unsafe {
                let next = $add(*sum, term);
                let from_term = $sub(next, *sum);
                let from_sum = $sub(next, from_term);
                let error = $add($sub(*sum, from_sum), $sub(term, from_term));
                *lost = $add(*lost, error);
                *sum = next;
            }
        }
    };
}

add_twofold!(pub(super) add_twofold, __m512d, _mm512_add_pd, _mm512_sub_pd);
add_twofold!(add_twofold_256, __m256d, _mm256_add_pd, _mm256_sub_pd);
add_twofold!(add_twofold_128, __m128d, _mm_add_pd, _mm_sub_pd);
