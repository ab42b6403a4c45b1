//! 256-bit vectors. Of a short chunk as many as are whole; the rest is loaded under a mask and stored in pieces; two-byte
//! elements are loaded in pieces too.

mod f32;
mod f32_backward;
mod f64;
mod f64_backward;
mod fold;
mod half;
mod rests;

use std::arch::x86_64::*;

use bytemuck::{cast, cast_slice_mut};

use self::half::{Bf16, F16};
use super::ahead::at_avx2;
use super::signs::Signs;
use crate::accumulator::Accumulator;
use crate::element::{Dtype, Element};
use crate::vectors::slopes::{As, ByRun};
use crate::vectors::{
    CHUNK, ChunkSlopes, Columns, Lanes, Piece, Portable, Reach, RunSums, Sealed, Vectors,
    half_sums, lowest, plain, prefetch_ahead,
};

/// AVX2, FMA, F16C and BMI2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2 {
    past_caches: bool,
    /// How far ahead a pass asks for its memory: see [`at_avx2`].
    ahead: [usize; 2],
}

impl Avx2 {
    /// # Safety
    /// The processor has AVX2, FMA, F16C and BMI2.
    #[inline(always)]
    pub(crate) unsafe fn new(reach: Reach) -> Self {
        Avx2 { past_caches: reach.past_caches, ahead: at_avx2(reach.far) }
    }
}

impl Sealed for Avx2 {}

impl Vectors for Avx2 {
    #[inline(always)]
    fn has_cheap_rests<T: Element>(self) -> bool {
        matches!(T::DTYPE, Dtype::F32 | Dtype::F64)
    }

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
    fn look_ahead<T: Element, const N: usize>(self, tensors: [&[T]; N]) {
        let [of_two_bytes, of_others] = self.ahead;
        let distance = if size_of::<T>() == 2 { of_two_bytes } else { of_others };
        if distance > 0 {
            prefetch_ahead(tensors, distance);
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
        let (len, from) = (x.len(), x.as_ptr());
        assert!(len <= CHUNK);
        // SAFETY: as many elements as there are are read.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.signs_f32(from.cast(), len),
                Dtype::F64 => self.signs_f64(from.cast(), len),
                Dtype::F16 => self.signs_half::<F16>(from.cast(), len),
                Dtype::Bf16 => self.signs_half::<Bf16>(from.cast(), len),
            }
        }
    }

    #[inline(always)]
    fn signs_of_chunk<T: Element>(self, x: &[T; CHUNK]) -> u64 {
        self.signs(x)
    }

    #[inline(always)]
    fn activate<T: Element, S: ChunkSlopes<T::Wide>>(self, x: &mut [T], slopes: &S) -> u64 {
        let (len, own) = (x.len(), &As::<S, T::Wide>::new(slopes));
        assert!(len <= CHUNK);
        // SAFETY: as many elements as there are are read and written.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.activate_f32(x.as_mut_ptr().cast(), len, own),
                Dtype::F64 => self.activate_f64(x.as_mut_ptr().cast(), len, own),
                Dtype::F16 => self.activate_half::<F16>(x.as_mut_ptr().cast(), len, own),
                Dtype::Bf16 => self.activate_half::<Bf16>(x.as_mut_ptr().cast(), len, own),
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
        let (len, own) = (piece.len(), &As::<S, T::Wide>::new(slopes));
        let known = Signs::of(piece, signs);
        let b = piece.basis_if_any();
        let (g, dx) = piece.gradients();
        // SAFETY: a piece's pointers are good for its elements, and where signs are those of the basis there is
        // one.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => {
                    self.propagate_f32((g.cast(), b.cast(), dx.cast()), len, known, own);
                }
                Dtype::F64 => {
                    self.propagate_f64((g.cast(), b.cast(), dx.cast()), len, known, own);
                }
                Dtype::F16 => {
                    self.propagate_half::<F16>((g.cast(), b.cast(), dx.cast()), len, known, own);
                }
                Dtype::Bf16 => {
                    self.propagate_half::<Bf16>((g.cast(), b.cast(), dx.cast()), len, known, own);
                }
            }
        }
    }

    #[inline(always)]
    fn fold<T: Element>(self, lanes: &Lanes) -> T::Accumulator {
        let (sum, lost) = if T::DTYPE == Dtype::F64 {
            self.fold_twofold(lanes)
        } else {
            (self.fold_plain(&lanes.sums), 0.0)
        };
        T::Accumulator::from_parts(sum, lost)
    }

    #[inline(always)]
    fn backward<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        lanes: &mut Lanes,
    ) {
        let (len, own) = (piece.len(), &As::<S, T::Wide>::new(slopes));
        let known = Signs::of(piece, signs);
        let (g, b, dx) = piece.pointers();
        // SAFETY: a piece's pointers are good for its elements, and elements are written after they were
        // read.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => self.backward_f32(
                    (g.cast(), b.cast(), dx.cast()),
                    len,
                    known,
                    own,
                    &mut lanes.sums,
                ),
                Dtype::F64 => {
                    self.backward_f64((g.cast(), b.cast(), dx.cast()), len, known, own, lanes);
                }
                Dtype::F16 => {
                    let all = (g.cast(), b.cast(), dx.cast());
                    let held = self.backward_half::<F16>(all, len, known, own, &mut lanes.sums);
                    debug_assert!(held, "f32 holds sums of products of f16");
                }
                Dtype::Bf16 => {
                    let all = (g.cast(), b.cast(), dx.cast());
                    if !self.backward_half::<Bf16>(all, len, known, own, &mut lanes.sums) {
                        let which = !piece.signs(self, signs) & lowest(len);
                        plain::sum(self, piece, which, lanes);
                        self.propagate(piece, signs, slopes);
                    }
                }
            }
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
        // SAFETY: a whole chunk, and its pointers are good for that; elements are written after they were read.
        unsafe {
            match T::DTYPE {
                Dtype::F32 | Dtype::F64 => {
                    unreachable!("rests are cheap, so that chunks begin with runs")
                }
                Dtype::F16 => self.over_ends_half::<T, F16>(piece, signs, slopes.known_as(), sums),
                Dtype::Bf16 => {
                    self.over_ends_half::<T, Bf16>(piece, signs, slopes.known_as(), sums);
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
        let (len, own) = (piece.len(), &As::<S, T::Wide>::new(slopes));
        let known = Signs::of(piece, signs);
        let (g, b, dx) = piece.pointers();
        // SAFETY: a piece's pointers are good for its elements, and elements are written after they were
        // read.
        unsafe {
            match T::DTYPE {
                Dtype::F32 => {
                    let piece = (g.cast(), b.cast(), dx.cast());
                    self.backward_columns_f32(piece, len, known, own, &mut columns.sums);
                }
                Dtype::F64 => {
                    let piece = (g.cast(), b.cast(), dx.cast());
                    self.backward_columns_f64(piece, len, known, own, columns);
                }
                Dtype::F16 | Dtype::Bf16 => {
                    let which = !piece.signs(self, signs) & lowest(len);
                    let (g, b) = (self.widen(&piece.upstream()), self.widen(&piece.basis()));
                    let (g, b) = (g.as_ptr().cast(), b.as_ptr().cast());
                    self.row_f32(g, b, CHUNK, which, &mut columns.sums);
                    self.propagate(piece, signs, slopes);
                }
            }
        }
    }

    #[inline(always)]
    fn backward_row<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        row: &mut [T::Accumulator],
    ) {
        match T::DTYPE {
            Dtype::F32 => {
                let (len, own) = (piece.len(), &As::<S, T::Wide>::new(slopes));
                let known = Signs::of(piece, signs);
                let (g, b, dx) = piece.pointers();
                let (piece, row) = ((g.cast(), b.cast(), dx.cast()), cast_slice_mut(row));
                // SAFETY: a piece's pointers are good for its elements, and elements are written after they
                // were read.
                unsafe { self.backward_columns_f32(piece, len, known, own, row) };
            }
            Dtype::F64 => {
                if let Some(columns) = Columns::parted::<T>(row) {
                    self.backward_columns(piece, signs, slopes, columns);
                } else {
                    let mut columns = Columns::of::<T>(row);
                    self.backward_columns(piece, signs, slopes, &mut columns);
                    columns.put::<T>(row);
                }
            }
            Dtype::F16 | Dtype::Bf16 => {
                let len = piece.len();
                let which = !piece.signs(self, signs) & lowest(len);
                let (g, b) = (self.widen(&piece.upstream()), self.widen(&piece.basis()));
                let (g, b) = (g.as_ptr().cast(), b.as_ptr().cast());
                // SAFETY: both are a chunk, and that is all that is read.
                unsafe { self.row_f32(g, b, len, which, cast_slice_mut(row)) };
                self.propagate(piece, signs, slopes);
            }
        }
    }

    #[inline(always)]
    fn finish_row<T: Element>(self, row: &mut [T::Accumulator]) {
        if T::DTYPE == Dtype::F64 {
            Columns::join::<T>(row);
        }
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
        let known = Signs::of(piece, signs);
        let (g, b, _) = piece.pointers();
        // SAFETY: a piece's pointers are good for its elements.
        let held = unsafe {
            if T::DTYPE == Dtype::F16 {
                self.fours_half::<F16>(g.cast(), b.cast(), known, fours)
            } else {
                self.fours_half::<Bf16>(g.cast(), b.cast(), known, fours)
            }
        };
        if !held {
            let which = !piece.signs(self, signs);
            let (g, basis) = (self.widen(&piece.upstream()), self.widen(&piece.basis()));
            plain::row_in_f64::<_, T>(self, (&g, &basis), which, fours, sums);
        }
        self.propagate(piece, signs, slopes);
    }

    #[inline(always)]
    fn add_fours<T: Element>(self, fours: &mut [f32; CHUNK], sums: &mut [f64; CHUNK]) {
        if T::DTYPE == Dtype::Bf16 {
            *fours = self.in_order::<Bf16>(fours);
        }
        half_sums::add_fours(fours, sums);
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
    fn bytes_of_chunk(self, signs: u64) -> [i8; CHUNK] {
        // SAFETY: the value `self` proves AVX2.
        unsafe { cast([bytes_of(signs as i32), bytes_of((signs >> 32) as i32)]) }
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

/// Byte `i` is bit `i`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn bytes_of(bits: i32) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        // A shuffle stays within halves of a vector: byte `i` takes byte `i / 8` of the bits.
        let places = _mm256_setr_epi64x(
            0,
            0x0101_0101_0101_0101,
            0x0202_0202_0202_0202,
            0x0303_0303_0303_0303,
        );
        let own = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
        let spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), places);
        let set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, own), own);
        _mm256_and_si256(set, _mm256_set1_epi8(1))
    }
}

/// All ones in the lanes whose bit, of four, is set.
static MASKS: [[i64; 4]; 16] = {
    let mut masks = [[0; 4]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut lane = 0;
        while lane < 4 {
            masks[bits][lane] = -(bits as i64 >> lane & 1);
            lane += 1;
        }
        bits += 1;
    }
    masks
};

/// The mask of the lowest four bits.
#[inline(always)]
fn mask4(bits: u64) -> __m256d {
    cast(MASKS[bits as usize & 15])
}
