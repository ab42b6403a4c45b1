//! 512-bit vectors, with a bit per lane for a mask.

use std::arch::x86_64::*;

use bytemuck::cast;
use half::f16;

use crate::element::Element;
use crate::vectors::{CHUNK, LANES, Lanes, Sealed, Vectors};

/// AVX-512 F, BW and VL, and BMI2.
#[derive(Clone, Copy)]
pub(crate) struct Avx512 {
    past_caches: bool,
}

impl Avx512 {
    /// `past_caches` tells whether saved states are larger than the caches.
    ///
    /// # Safety
    /// The processor has AVX-512 F, BW and VL, and BMI2.
    #[inline(always)]
    pub(crate) unsafe fn new(past_caches: bool) -> Self {
        Avx512 { past_caches }
    }
}

impl Sealed for Avx512 {}

impl Vectors for Avx512 {
    #[inline(always)]
    fn save_chunk<T: Element>(self, to: &mut [T; CHUNK], from: &[T; CHUNK]) {
        if self.past_caches && to.as_ptr().addr().is_multiple_of(size_of::<__m512i>()) {
            let from = std::ptr::from_ref(from).cast::<__m512i>();
            let to = std::ptr::from_mut(to).cast::<__m512i>();
            for index in 0..size_of::<[T; CHUNK]>() / size_of::<__m512i>() {
                // SAFETY: both chunks are so many vectors long, `to` is aligned for them, and the
                // value `self` proves the instructions.
                unsafe {
                    _mm512_stream_si512(
                        to.add(index).cast(),
                        _mm512_loadu_si512(from.add(index).cast()),
                    )
                };
            }
        } else {
            *to = *from;
        }
    }

    #[inline(always)]
    fn close_up(self, bits: u64, mask: u64) -> u64 {
        // SAFETY: the value `self` proves BMI2.
        unsafe { _pext_u64(bits, mask) }
    }

    #[inline(always)]
    fn put_back(self, bits: u64, mask: u64) -> u64 {
        // SAFETY: the value `self` proves BMI2.
        unsafe { _pdep_u64(bits, mask) }
    }

    #[inline(always)]
    fn finish_saving(self) {
        if self.past_caches {
            // SAFETY: every x86-64 processor has it.
            unsafe { _mm_sfence() };
        }
    }

    #[inline(always)]
    fn signs_f32(self, x: &[f32; CHUNK]) -> u64 {
        let x: [__m512; 4] = cast(*x);
        let mut bits = 0;
        for (index, x) in x.into_iter().enumerate() {
            // SAFETY: the value `self` proves AVX-512 F.
            let mask = unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, _mm512_setzero_ps()) };
            bits |= u64::from(mask) << (16 * index);
        }
        bits
    }

    #[inline(always)]
    fn signs_f64(self, x: &[f64; CHUNK]) -> u64 {
        let x: [__m512d; 8] = cast(*x);
        let mut bits = 0;
        for (index, x) in x.into_iter().enumerate() {
            // SAFETY: the value `self` proves AVX-512 F.
            let mask = unsafe { _mm512_cmp_pd_mask::<_CMP_GT_OQ>(x, _mm512_setzero_pd()) };
            bits |= u64::from(mask) << (8 * index);
        }
        bits
    }

    #[inline(always)]
    fn signs_half(self, x: &[i16; CHUNK], infinity: i16) -> u64 {
        let x: [__m512i; 2] = cast(*x);
        let mut bits = 0;
        for (index, x) in x.into_iter().enumerate() {
            // Less one and unsigned, so that one comparison does: 0 wraps around.
            // SAFETY: the value `self` proves AVX-512 BW.
            let mask = unsafe {
                let less_one = _mm512_sub_epi16(x, _mm512_set1_epi16(1));
                _mm512_cmplt_epu16_mask(less_one, _mm512_set1_epi16(infinity))
            };
            bits |= u64::from(mask) << (32 * index);
        }
        bits
    }

    #[inline(always)]
    fn widen_f16(self, x: &[f16; CHUNK]) -> [f32; CHUNK] {
        let x: [__m256i; 4] = cast(*x);
        // SAFETY: the value `self` proves AVX-512 F.
        cast(x.map(|x| unsafe { _mm512_cvtph_ps(x) }))
    }

    #[inline(always)]
    fn narrow_f16(self, x: &[f32; CHUNK]) -> [f16; CHUNK] {
        let x: [__m512; 4] = cast(*x);
        // SAFETY: the value `self` proves AVX-512 F.
        cast(x.map(|x| unsafe { _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x) }))
    }

    #[inline(always)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64 {
        let bytes: __m512i = cast(*bytes);
        // SAFETY: the value `self` proves AVX-512 BW.
        unsafe { _mm512_test_epi8_mask(bytes, bytes) }
    }

    #[inline(always)]
    fn add_f32_to_lanes(
        self,
        sums: &mut [f64; LANES],
        g: &[f32; CHUNK],
        b: &[f32; CHUNK],
        which: u64,
    ) {
        let (g, b): ([__m256; 8], [__m256; 8]) = (cast(*g), cast(*b));
        let mut sum: __m512d = cast(*sums);
        for (row, (g, b)) in g.into_iter().zip(b).enumerate() {
            // SAFETY: the value `self` proves AVX-512 F.
            sum = unsafe {
                let (g, b) = (_mm512_cvtps_pd(g), _mm512_cvtps_pd(b));
                _mm512_mask3_fmadd_pd(g, b, sum, (which >> (8 * row)) as u8)
            };
        }
        *sums = cast(sum);
    }

    #[inline(always)]
    fn add_plain_terms_to_lanes(self, sums: &mut [f64; LANES], terms: &[f64; CHUNK], which: u64) {
        let terms: [__m512d; 8] = cast(*terms);
        let mut sum: __m512d = cast(*sums);
        for (row, term) in terms.into_iter().enumerate() {
            // SAFETY: the value `self` proves AVX-512 F.
            sum = unsafe { _mm512_mask_add_pd(sum, (which >> (8 * row)) as u8, sum, term) };
        }
        *sums = cast(sum);
    }

    #[inline(always)]
    fn add_twofold_terms_to_lanes(self, lanes: &mut Lanes, terms: &[f64; CHUNK], which: u64) {
        let terms: [__m512d; 8] = cast(*terms);
        let (mut sum, mut lost): (__m512d, __m512d) = (cast(lanes.sums), cast(lanes.lost));
        for (row, term) in terms.into_iter().enumerate() {
            // SAFETY: the value `self` proves AVX-512 F.
            unsafe {
                let term = _mm512_maskz_mov_pd((which >> (8 * row)) as u8, term);
                let next = _mm512_add_pd(sum, term);
                let from_term = _mm512_sub_pd(next, sum);
                let from_sum = _mm512_sub_pd(next, from_term);
                let error =
                    _mm512_add_pd(_mm512_sub_pd(sum, from_sum), _mm512_sub_pd(term, from_term));
                lost = _mm512_add_pd(lost, error);
                sum = next;
            }
        }
        (lanes.sums, lanes.lost) = (cast(sum), cast(lost));
    }

    #[inline(always)]
    fn add_f32_to_row(
        self,
        row: &mut [f64; CHUNK],
        g: &[f32; CHUNK],
        b: &[f32; CHUNK],
        which: u64,
    ) {
        let (eights, _) = row.as_chunks_mut::<8>();
        let (g, b): ([__m256; 8], [__m256; 8]) = (cast(*g), cast(*b));
        for (eight, (sums, (g, b))) in eights.iter_mut().zip(g.into_iter().zip(b)).enumerate() {
            // SAFETY: the value `self` proves AVX-512 F.
            *sums = cast(unsafe {
                let (g, b) = (_mm512_cvtps_pd(g), _mm512_cvtps_pd(b));
                let sums = cast::<[f64; 8], __m512d>(*sums);
                _mm512_mask3_fmadd_pd(g, b, sums, (which >> (8 * eight)) as u8)
            });
        }
    }
}
