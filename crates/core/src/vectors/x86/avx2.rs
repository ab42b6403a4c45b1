//! 256-bit vectors. Chunks are handled whole: behind a short one there are zeroes.

mod full;

use std::arch::x86_64::*;

use bytemuck::cast;

use crate::element::{Dtype, Element};
use crate::vectors::slopes::As;
use crate::vectors::{
    CHUNK, ChunkSlopes, Columns, Lanes, Piece, Portable, Sealed, Vectors, half_sums, load, lowest,
    plain, store,
};

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
    fn signs_of_chunk<T: Element>(self, x: &[T; CHUNK]) -> u64 {
        match T::DTYPE {
            Dtype::F32 => self.signs_f32(&cast(*x)),
            Dtype::F64 => self.signs_f64(&cast(*x)),
            Dtype::F16 => self.signs_half(&cast(*x), 0x7c00),
            Dtype::Bf16 => self.signs_half(&cast(*x), 0x7f80),
        }
    }

    #[inline(always)]
    fn activate<T: Element, S: ChunkSlopes<T::Wide>>(self, x: &mut [T], slopes: &S) -> u64 {
        let own = &As::<S, T::Wide>::new(slopes);
        match T::DTYPE {
            Dtype::F32 => {
                let (chunk, signs) = self.activate_f32(cast(load(x)), own);
                store::<T>(cast(chunk), x);
                signs
            }
            Dtype::F64 => {
                let (chunk, signs) = self.activate_f64(cast(load(x)), own);
                store::<T>(cast(chunk), x);
                signs
            }
            Dtype::F16 | Dtype::Bf16 => plain::activate(self, x, slopes),
        }
    }

    #[inline(always)]
    fn propagate<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
    ) {
        let own = &As::<S, T::Wide>::new(slopes);
        let g = piece.upstream();
        match T::DTYPE {
            Dtype::F32 => {
                piece.set_input_gradient(cast(self.scale_f32(cast(g), signs, own)));
            }
            Dtype::F64 => {
                piece.set_input_gradient(cast(self.scale_f64(cast(g), signs, own)));
            }
            Dtype::F16 | Dtype::Bf16 => plain::propagate(self, piece, signs, slopes),
        }
    }

    #[inline(always)]
    fn sum<T: Element>(self, piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
        let (g, basis) = (piece.upstream(), piece.basis());
        match T::DTYPE {
            Dtype::F32 => self.sum_f32(&mut lanes.sums, cast(g), cast(basis), which),
            Dtype::F64 => self.sum_f64(lanes, cast(g), cast(basis), which),
            Dtype::F16 | Dtype::Bf16 => {
                let (g, basis) = (self.widen(&g), self.widen(&basis));
                match half_sums::of::<T>(&g, &basis, which) {
                    Some(sums) => self.add_half_sums(lanes, &sums),
                    None => self.sum_f32(&mut lanes.sums, cast(g), cast(basis), which),
                }
            }
        }
    }

    #[inline(always)]
    fn backward_columns<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        columns: &mut Columns,
    ) {
        let which = !signs & lowest(piece.len());
        let (g, basis) = (piece.upstream(), piece.basis());
        if T::DTYPE == Dtype::F64 {
            self.columns_f64(columns, cast(g), cast(basis), which);
        } else {
            let (g, basis) = (self.widen(&g), self.widen(&basis));
            self.columns_f32(&mut columns.sums, cast(g), cast(basis), which);
        }
        self.propagate(piece, signs, slopes);
    }

    #[inline(always)]
    fn widen<T: Element>(self, x: &[T; CHUNK]) -> [T::Wide; CHUNK] {
        if T::DTYPE != Dtype::F16 {
            return Portable.widen(x);
        }
        let x: [__m128i; 8] = cast(*x);
        let mut wide = [[0.0_f32; 8]; 8];
        for (wide, x) in wide.iter_mut().zip(x) {
            // SAFETY: the value `self` proves F16C.
            *wide = cast(unsafe { _mm256_cvtph_ps(x) });
        }
        cast(wide)
    }

    #[inline(always)]
    fn narrow<T: Element>(self, x: [T::Wide; CHUNK]) -> [T; CHUNK] {
        if T::DTYPE != Dtype::F16 {
            return Portable.narrow(x);
        }
        let x: [__m256; 8] = cast(x);
        let mut halves = [[0_u16; 8]; 8];
        for (half, x) in halves.iter_mut().zip(x) {
            // SAFETY: the value `self` proves F16C.
            *half = cast(unsafe { _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x) });
        }
        cast(halves)
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
        cast::<[u32; 2], u64>(bits).to_le()
    }
}

impl Avx2 {
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
}
