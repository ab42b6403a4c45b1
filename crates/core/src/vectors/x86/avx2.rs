//! 256-bit vectors.

use std::arch::x86_64::*;

use bytemuck::cast;
use half::f16;

use crate::element::Element;
use crate::vectors::{CHUNK, LANES, Lanes, Sealed, Vectors};

/// AVX2, FMA, F16C and BMI2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2 {
    past_caches: bool,
}

impl Avx2 {
    /// `past_caches` tells whether saved states are larger than the caches.
    ///
    /// # Safety
    /// The processor has AVX2, FMA, F16C and BMI2.
    #[inline(always)]
    pub(crate) unsafe fn new(past_caches: bool) -> Self {
        Avx2 { past_caches }
    }
}

impl Sealed for Avx2 {}

impl Vectors for Avx2 {
    #[inline(always)]
    fn save_chunk<T: Element>(self, to: &mut [T; CHUNK], from: &[T; CHUNK]) {
        if self.past_caches && to.as_ptr().addr().is_multiple_of(size_of::<__m256i>()) {
            let from = std::ptr::from_ref(from).cast::<__m256i>();
            let to = std::ptr::from_mut(to).cast::<__m256i>();
            for index in 0..size_of::<[T; CHUNK]>() / size_of::<__m256i>() {
                // SAFETY: both chunks are so many vectors long, `to` is aligned for them, and the
                // value `self` proves the instructions.
                unsafe {
                    _mm256_stream_si256(
                        to.add(index).cast(),
                        _mm256_loadu_si256(from.add(index).cast()),
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
        let x: [__m256; 8] = cast(*x);
        let mut bits = [0_u8; 8];
        for (bits, x) in bits.iter_mut().zip(x) {
            // SAFETY: the value `self` proves AVX2.
            let mask =
                unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(x, _mm256_setzero_ps())) };
            *bits = mask as u8;
        }
        u64::from_le_bytes(bits)
    }

    #[inline(always)]
    fn signs_f64(self, x: &[f64; CHUNK]) -> u64 {
        let x: [__m256d; 16] = cast(*x);
        let mut bits = 0;
        for (index, x) in x.into_iter().enumerate() {
            // SAFETY: the value `self` proves AVX2.
            let mask =
                unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_GT_OQ>(x, _mm256_setzero_pd())) };
            bits |= u64::from(mask as u8) << (4 * index);
        }
        bits
    }

    #[inline(always)]
    fn signs_half(self, x: &[i16; CHUNK], infinity: i16) -> u64 {
        let x: [[__m256i; 2]; 2] = cast(*x);
        let mut bits = [0_u32; 2];
        for (bits, [low, high]) in bits.iter_mut().zip(x) {
            // SAFETY: the value `self` proves AVX2.
            let mask = unsafe {
                let (zero, infinity) = (_mm256_setzero_si256(), _mm256_set1_epi16(infinity));
                let positive = |x: __m256i| {
                    let beyond = _mm256_cmpgt_epi16(x, infinity);
                    _mm256_andnot_si256(beyond, _mm256_cmpgt_epi16(x, zero))
                };
                // Packing interleaves quarters; the permutation puts them in order.
                let bytes = _mm256_packs_epi16(positive(low), positive(high));
                _mm256_movemask_epi8(_mm256_permute4x64_epi64::<0b11_01_10_00>(bytes))
            };
            *bits = mask as u32;
        }
        cast::<[u32; 2], u64>(bits).to_le()
    }

    #[inline(always)]
    fn widen_f16(self, x: &[f16; CHUNK]) -> [f32; CHUNK] {
        let x: [__m128i; 8] = cast(*x);
        // SAFETY: the value `self` proves F16C.
        cast(x.map(|x| unsafe { _mm256_cvtph_ps(x) }))
    }

    #[inline(always)]
    fn narrow_f16(self, x: &[f32; CHUNK]) -> [f16; CHUNK] {
        let x: [__m256; 8] = cast(*x);
        // SAFETY: the value `self` proves F16C.
        cast(x.map(|x| unsafe { _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x) }))
    }

    #[inline(always)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64 {
        let bytes: [__m256i; 2] = cast(*bytes);
        let mut bits = [0_u32; 2];
        for (bits, bytes) in bits.iter_mut().zip(bytes) {
            // SAFETY: the value `self` proves AVX2.
            let clear =
                unsafe { _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256())) };
            *bits = !(clear as u32);
        }
        cast::<[u32; 2], u64>(bits)
    }

    #[inline(always)]
    fn add_f32_to_lanes(
        self,
        sums: &mut [f64; LANES],
        g: &[f32; CHUNK],
        b: &[f32; CHUNK],
        which: u64,
    ) {
        let (g, b): ([[__m128; 2]; 8], [[__m128; 2]; 8]) = (cast(*g), cast(*b));
        let mut halves: [__m256d; 2] = cast(*sums);
        for (row, (g, b)) in g.into_iter().zip(b).enumerate() {
            for (half, sum) in halves.iter_mut().enumerate() {
                // SAFETY: the value `self` proves AVX2 and FMA.
                *sum = unsafe {
                    let mask = mask(which >> (8 * row + 4 * half));
                    let g = _mm256_and_pd(_mm256_cvtps_pd(g[half]), mask);
                    let b = _mm256_and_pd(_mm256_cvtps_pd(b[half]), mask);
                    _mm256_fmadd_pd(g, b, *sum)
                };
            }
        }
        *sums = cast(halves);
    }

    #[inline(always)]
    fn add_plain_terms_to_lanes(self, sums: &mut [f64; LANES], terms: &[f64; CHUNK], which: u64) {
        let terms: [[__m256d; 2]; 8] = cast(*terms);
        let mut halves: [__m256d; 2] = cast(*sums);
        for (row, terms) in terms.into_iter().enumerate() {
            for (half, sum) in halves.iter_mut().enumerate() {
                // SAFETY: the value `self` proves AVX2.
                *sum = unsafe {
                    let mask = mask(which >> (8 * row + 4 * half));
                    _mm256_add_pd(*sum, _mm256_and_pd(terms[half], mask))
                };
            }
        }
        *sums = cast(halves);
    }

    #[inline(always)]
    fn add_twofold_terms_to_lanes(self, lanes: &mut Lanes, terms: &[f64; CHUNK], which: u64) {
        let terms: [[__m256d; 2]; 8] = cast(*terms);
        let (mut sums, mut lost): ([__m256d; 2], [__m256d; 2]) =
            (cast(lanes.sums), cast(lanes.lost));
        for (row, terms) in terms.into_iter().enumerate() {
            for half in 0..2 {
                // SAFETY: the value `self` proves AVX2.
                unsafe {
                    let mask = mask(which >> (8 * row + 4 * half));
                    let term = _mm256_and_pd(terms[half], mask);
                    let next = _mm256_add_pd(sums[half], term);
                    let from_term = _mm256_sub_pd(next, sums[half]);
                    let from_sum = _mm256_sub_pd(next, from_term);
                    let error = _mm256_add_pd(
                        _mm256_sub_pd(sums[half], from_sum),
                        _mm256_sub_pd(term, from_term),
                    );
                    lost[half] = _mm256_add_pd(lost[half], error);
                    sums[half] = next;
                }
            }
        }
        (lanes.sums, lanes.lost) = (cast(sums), cast(lost));
    }

    #[inline(always)]
    fn add_f32_to_row(
        self,
        row: &mut [f64; CHUNK],
        g: &[f32; CHUNK],
        b: &[f32; CHUNK],
        which: u64,
    ) {
        let (fours, _) = row.as_chunks_mut::<4>();
        let (g, b): ([__m128; 16], [__m128; 16]) = (cast(*g), cast(*b));
        for (four, (sums, (g, b))) in fours.iter_mut().zip(g.into_iter().zip(b)).enumerate() {
            // SAFETY: the value `self` proves AVX2 and FMA.
            *sums = cast(unsafe {
                let mask = mask(which >> (4 * four));
                let g = _mm256_and_pd(_mm256_cvtps_pd(g), mask);
                let b = _mm256_and_pd(_mm256_cvtps_pd(b), mask);
                _mm256_fmadd_pd(g, b, cast::<[f64; 4], __m256d>(*sums))
            });
        }
    }
}

/// All ones in the lanes whose bit, of the lowest four, is set.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn mask(bits: u64) -> __m256d {
    // SAFETY: the caller's.
    unsafe {
        let bit = _mm256_setr_epi64x(1, 2, 4, 8);
        let own = _mm256_and_si256(_mm256_set1_epi64x(bits as i64), bit);
        _mm256_castsi256_pd(_mm256_cmpeq_epi64(own, bit))
    }
}
