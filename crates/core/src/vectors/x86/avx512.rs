//! 512-bit vectors, with a bit per lane for a mask.
//!
//! Where a chunk has fewer elements than 64, loads and stores go under a mask of those there are.

mod bf16;
mod f16;
mod f32;
mod f64;
mod fold;
mod half;
mod moves;

use std::arch::x86_64::*;

use bytemuck::{cast, cast_mut, cast_ref, cast_slice, cast_slice_mut};

use super::ahead::{ON_INTEL, at_avx512};
use super::signs::Signs;
use crate::accumulator::Accumulator;
use crate::element::{Dtype, Element};
use crate::vectors::slopes::{As, ByRun, ChunkSlopes};
use crate::vectors::{
    CHUNK, Columns, Lanes, Piece, Reach, RunSums, Sealed, Vectors, half_sums, lowest, plain,
    prefetch_ahead,
};

/// AVX-512 F, BW, DQ and VL, and BMI2.
#[derive(Clone, Copy)]
pub(crate) struct Avx512 {
    past_caches: bool,
    /// Whether a pass asks ahead for its memory.
    asks_ahead: bool,
    /// Whether the processor has AVX-512 BF16 besides.
    rounds_bf16: bool,
}

impl Avx512 {
    /// # Safety
    /// The processor has AVX-512 F, BW, DQ and VL, and BMI2.
    #[inline(always)]
    pub(crate) unsafe fn new(reach: Reach) -> Self {
        Avx512 {
            past_caches: reach.past_caches,
            asks_ahead: at_avx512(reach.far),
            rounds_bf16: is_x86_feature_detected!("avx512bf16"),
        }
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
    fn close_up_elements<T: Element>(self, chunk: &[T; CHUNK], mask: u64) -> [T; CHUNK] {
        match size_of::<T>() {
            2 => cast(self.close_up_2(cast_ref(chunk), mask)),
            4 => cast(self.close_up_4(cast_ref(chunk), mask)),
            _ => cast(self.close_up_8(cast_ref(chunk), mask)),
        }
    }

    #[inline(always)]
    fn put_back_elements<T: Element>(self, closed: &[T], mask: u64, chunk: &mut [T; CHUNK]) {
        match size_of::<T>() {
            2 => self.put_back_2(cast_slice(closed), mask, cast_mut(chunk)),
            4 => self.put_back_4(cast_slice(closed), mask, cast_mut(chunk)),
            _ => self.put_back_8(cast_slice(closed), mask, cast_mut(chunk)),
        }
    }

    #[inline(always)]
    fn look_ahead<T: Element, const N: usize>(self, tensors: [&[T]; N]) {
        if self.asks_ahead {
            prefetch_ahead(tensors, ON_INTEL);
        }
    }

    #[inline(always)]
    fn finish_saving(self) {
        if self.past_caches {
            // SAFETY: every x86-64 processor has it.
            unsafe { _mm_sfence() };
        }
    }

    #[inline(always)]
    fn signs<T: Element>(self, x: &[T]) -> u64 {
        if let Some(chunk) = x.first_chunk() {
            return self.signs_of_chunk(chunk);
        }
        // SAFETY: as many elements as there are are read.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.signs_f32(x.as_ptr().cast(), x.len()),
                Dtype::F64 => self.signs_f64(x.as_ptr().cast(), x.len()),
                Dtype::F16 => self.signs_half(x.as_ptr().cast(), x.len(), 0x7c00),
                Dtype::Bf16 => self.signs_half(x.as_ptr().cast(), x.len(), 0x7f80),
            }
        }
    }

    #[inline(always)]
    fn signs_of_chunk<T: Element>(self, x: &[T; CHUNK]) -> u64 {
        // SAFETY: a chunk is read.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.signs_f32(x.as_ptr().cast(), CHUNK),
                Dtype::F64 => self.signs_f64(x.as_ptr().cast(), CHUNK),
                Dtype::F16 => self.signs_half(x.as_ptr().cast(), CHUNK, 0x7c00),
                Dtype::Bf16 => self.signs_half(x.as_ptr().cast(), CHUNK, 0x7f80),
            }
        }
    }

    #[inline(always)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64 {
        let bytes: __m512i = cast(*bytes);
        // SAFETY: the value `self` proves AVX-512 BW.
        unsafe { _mm512_test_epi8_mask(bytes, bytes) }
    }

    #[inline(always)]
    fn write_bytes(self, signs: u64, bytes: &mut [i8]) {
        // SAFETY: the value `self` proves AVX-512 BW, and no more bytes are written than there are.
        unsafe {
            let ones = _mm512_maskz_set1_epi8(signs, 1);
            _mm512_mask_storeu_epi8(bytes.as_mut_ptr(), lowest(bytes.len()), ones);
        }
    }

    #[inline(always)]
    fn activate<T: Element, S: ChunkSlopes<T::Wide>>(self, x: &mut [T], slopes: &S) -> u64 {
        assert!(x.len() <= CHUNK);
        let (x, len, slopes) = (x.as_mut_ptr(), x.len(), &As::<S, T::Wide>::new(slopes));
        // SAFETY: as many elements as there are are read and written.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.activate_f32(x.cast(), len, slopes),
                Dtype::F64 => self.activate_f64(x.cast(), len, slopes),
                Dtype::F16 => self.activate_f16(x.cast(), len, slopes),
                Dtype::Bf16 => self.activate_bf16(x.cast(), len, slopes),
            }
        }
    }

    #[inline(always)]
    fn propagate<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
    ) {
        let (len, slopes) = (piece.len(), &As::<S, T::Wide>::new(slopes));
        let known = Signs::of(piece, signs);
        let b = piece.basis_if_any();
        let (g, dx) = piece.gradients();
        // SAFETY: a piece's pointers are good for its elements, and where signs are those of the basis there is
        // one.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => {
                    self.propagate_f32((g.cast(), b.cast(), dx.cast()), len, known, slopes);
                }
                Dtype::F64 => {
                    self.propagate_f64((g.cast(), b.cast(), dx.cast()), len, known, slopes);
                }
                Dtype::F16 => {
                    self.propagate_f16((g.cast(), b.cast(), dx.cast()), len, known, slopes);
                }
                Dtype::Bf16 => {
                    self.propagate_bf16((g.cast(), b.cast(), dx.cast()), len, known, slopes);
                }
            }
        }
    }

    #[inline(always)]
    fn sum<T: Element>(self, piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
        let len = piece.len();
        let (g, b, _) = piece.pointers();
        // SAFETY: a piece's pointers are good for its elements.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.sum_f32(g.cast(), b.cast(), len, which, &mut lanes.sums),
                Dtype::F64 => self.sum_f64(g.cast(), b.cast(), len, which, lanes),
                Dtype::F16 => self.sum_f16(g.cast(), b.cast(), len, which, &mut lanes.sums),
                Dtype::Bf16 => self.sum_bf16(g.cast(), b.cast(), len, which, &mut lanes.sums),
            }
        }
    }

    #[inline(always)]
    fn fold<T: Element>(self, lanes: &Lanes) -> T::Accumulator {
        if T::DTYPE == Dtype::F64 {
            let (sum, lost) = self.fold_twofold(lanes);
            T::Accumulator::from_parts(sum, lost)
        } else {
            T::Accumulator::from_parts(self.fold_plain(lanes), 0.0)
        }
    }

    #[inline(always)]
    fn backward<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        lanes: &mut Lanes,
    ) {
        let (len, cast_slopes) = (piece.len(), &As::<S, T::Wide>::new(slopes));
        let (g, b, dx) = piece.pointers();
        let known = Signs::of(piece, signs);
        if T::DTYPE == Dtype::F16 {
            let piece = (g.cast(), b.cast(), dx.cast());
            // SAFETY: a piece's pointers are good for its elements, and elements are written after
            // they and those before them were read.
            unsafe { self.backward_f16(piece, len, known, cast_slopes, &mut lanes.sums) };
        } else if T::DTYPE == Dtype::F32 && len == CHUNK {
            let piece = (g.cast(), b.cast(), dx.cast());
            // SAFETY: as above.
            unsafe { self.backward_f32(piece, known, cast_slopes, &mut lanes.sums) };
        } else if T::DTYPE == Dtype::Bf16 && len == CHUNK {
            let piece = (g.cast(), b.cast(), dx.cast());
            // SAFETY: as above.
            unsafe { self.backward_bf16(piece, known, cast_slopes, &mut lanes.sums) };
        } else if T::DTYPE == Dtype::F64 && len == CHUNK {
            let piece = (g.cast(), b.cast(), dx.cast());
            // SAFETY: as above.
            unsafe { self.backward_f64(piece, known, cast_slopes, lanes) };
        } else {
            self.sum(piece, !piece.signs(self, signs) & lowest(len), lanes);
            self.propagate(piece, signs, slopes);
        }
    }

    #[inline(always)]
    fn backward_over_ends<T: Element>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &ByRun<T::Wide>,
        sums: &mut RunSums<'_, T::Accumulator>,
    ) {
        if piece.len() < CHUNK {
            return plain::backward_over_ends(self, piece, signs, slopes, sums);
        }
        let known = Signs::of(piece, signs);
        let (g, b, dx) = piece.pointers();
        // SAFETY: a piece's pointers are good for its elements, and elements are written after they and
        // those before them were read.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => {
                    let piece = (g.cast(), b.cast(), dx.cast());
                    self.over_ends_f32::<T>(piece, known, slopes.known_as(), sums);
                }
                Dtype::F64 => {
                    let piece = (g.cast(), b.cast(), dx.cast());
                    self.over_ends_f64::<T>(piece, known, slopes.known_as(), sums);
                }
                Dtype::F16 => {
                    let piece = (g.cast(), b.cast(), dx.cast());
                    self.over_ends_f16::<T>(piece, known, slopes.known_as(), sums);
                }
                Dtype::Bf16 => {
                    let piece = (g.cast(), b.cast(), dx.cast());
                    self.over_ends_bf16::<T>(piece, known, slopes.known_as(), sums);
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
        let (len, known) = (piece.len(), Signs::of(piece, signs));
        let (g, b, _) = piece.pointers();
        let sums = &mut columns.sums;
        // SAFETY: a piece's pointers are good for its elements.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.columns_f32(g.cast(), b.cast(), len, known, sums),
                Dtype::F64 => self.columns_f64(g.cast(), b.cast(), len, known, columns),
                Dtype::F16 => {
                    let which = !piece.signs(self, signs) & lowest(len);
                    self.columns_f16(g.cast(), b.cast(), len, which, sums);
                }
                Dtype::Bf16 => {
                    let which = !piece.signs(self, signs) & lowest(len);
                    self.columns_bf16(g.cast(), b.cast(), len, which, sums);
                }
            }
        }
        self.propagate(piece, signs, slopes);
    }

    #[inline(always)]
    fn backward_row<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        row: &mut [T::Accumulator],
    ) {
        let (len, known) = (piece.len(), Signs::of(piece, signs));
        let (g, b, _) = piece.pointers();
        // SAFETY: a piece's pointers are good for its elements.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.row_f32(g.cast(), b.cast(), len, known, cast_slice_mut(row)),
                Dtype::F64 => self.row_f64(g.cast(), b.cast(), len, known, cast_slice_mut(row)),
                Dtype::F16 => {
                    let which = !piece.signs(self, signs) & lowest(len);
                    self.row_f16(g.cast(), b.cast(), len, which, cast_slice_mut(row));
                }
                Dtype::Bf16 => {
                    let which = !piece.signs(self, signs) & lowest(len);
                    self.row_bf16(g.cast(), b.cast(), len, which, cast_slice_mut(row));
                }
            }
        }
        self.propagate(piece, signs, slopes);
    }

    #[inline(always)]
    fn backward_fours<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        fours: &mut [f32; CHUNK],
        sums: &mut [f64; CHUNK],
    ) {
        assert_eq!(piece.len(), CHUNK);
        let (known, slopes) = (Signs::of(piece, signs), &As::<S, T::Wide>::new(slopes));
        let (g, b, dx) = piece.pointers();
        let piece = (g.cast(), b.cast(), dx.cast());
        // SAFETY: a piece's pointers are good for its elements, and elements are written after they and
        // those before them were read.
        unsafe {
            if T::DTYPE == Dtype::F16 {
                self.fours_f16(piece, known, slopes, fours);
            } else {
                self.fours_bf16(piece, known, slopes, fours, sums);
            }
        }
    }

    #[inline(always)]
    fn add_fours<T: Element>(self, fours: &mut [f32; CHUNK], sums: &mut [f64; CHUNK]) {
        if T::DTYPE == Dtype::Bf16 {
            *fours = self.in_order(fours);
        }
        half_sums::add_fours(fours, sums);
    }
}
