//! Plain Rust, which vectorises as far as the target's instructions go.

use super::{
    CHUNK, ChunkSlopes, Columns, Lanes, Piece, Sealed, Vectors, fours, fours_forward,
    half_backward, half_scale, plain,
};
use crate::element::{Dtype, Element};

/// What every processor of the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Sealed for Portable {}

impl Vectors for Portable {
    #[inline(always)]
    fn has_cheap_rests<T: Element>(self) -> bool {
        matches!(T::DTYPE, Dtype::F32 | Dtype::F64)
    }

    #[inline(always)]
    fn save_chunk<T: Element>(self, to: &mut [T; CHUNK], from: &[T; CHUNK]) {
        *to = *from;
    }

    #[inline(always)]
    fn finish_saving(self) {}

    #[inline(always)]
    fn close_up(self, bits: u64, mut mask: u64) -> u64 {
        let (mut closed, mut place) = (0, 0);
        while mask != 0 {
            closed |= (bits >> mask.trailing_zeros() & 1) << place;
            mask &= mask - 1;
            place += 1;
        }
        closed
    }

    #[inline(always)]
    fn put_back(self, bits: u64, mut mask: u64) -> u64 {
        let (mut spread, mut place) = (0, 0);
        while mask != 0 {
            spread |= (bits >> place & 1) << mask.trailing_zeros();
            mask &= mask - 1;
            place += 1;
        }
        spread
    }

    #[inline(always)]
    fn signs<T: Element>(self, x: &[T]) -> u64 {
        match x.as_chunks() {
            ([chunk], []) => self.signs_of_chunk(chunk),
            _ => fours_forward::signs(x),
        }
    }

    #[inline(always)]
    fn signs_of_chunk<T: Element>(self, x: &[T; CHUNK]) -> u64 {
        if self.has_cheap_rests::<T>() {
            fours_forward::signs(x)
        } else {
            pack(x.map(|x| u8::from(x.positive())))
        }
    }

    #[inline(always)]
    fn activate<T: Element, S: ChunkSlopes<T::Wide>>(self, x: &mut [T], slopes: &S) -> u64 {
        if !self.has_cheap_rests::<T>() {
            return half_scale::activate(x, slopes);
        }
        fours_forward::activate(x, slopes)
    }

    #[inline(always)]
    fn scale<T: Element, S: ChunkSlopes<T::Wide>>(self, x: &mut [T], slopes: &S) {
        if self.has_cheap_rests::<T>() {
            fours_forward::scale(x, slopes);
        } else {
            half_scale::scale(x, slopes);
        }
    }

    #[inline(always)]
    fn propagate<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
    ) {
        if self.has_cheap_rests::<T>() {
            fours::propagate(piece, signs, slopes);
        } else {
            half_scale::propagate(piece, signs, slopes);
        }
    }

    #[inline(always)]
    fn sum<T: Element>(self, piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
        debug_assert!(!self.has_cheap_rests::<T>(), "only two-byte types are summed alone");
        half_backward::sum(piece, which, lanes);
    }

    #[inline(always)]
    fn backward<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        lanes: &mut Lanes,
    ) {
        if self.has_cheap_rests::<T>() {
            fours::backward(piece, signs, slopes, lanes);
        } else {
            half_backward::backward(piece, signs, slopes, lanes);
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
        if self.has_cheap_rests::<T>() {
            fours::backward_columns(piece, signs, slopes, columns);
        } else {
            plain::backward_columns(self, piece, signs, slopes, columns);
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
        if T::DTYPE == Dtype::F32 {
            return fours::backward_row(piece, signs, slopes, row);
        }
        if T::DTYPE == Dtype::F64
            && let Some(columns) = Columns::parted::<T>(row)
        {
            return self.backward_columns(piece, signs, slopes, columns);
        }
        let mut columns = Columns::of::<T>(row);
        self.backward_columns(piece, signs, slopes, &mut columns);
        columns.put::<T>(row);
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
        half_backward::backward_fours(piece, signs, slopes, fours, sums);
    }

    #[inline(always)]
    fn add_fours<T: Element>(self, fours: &mut [f32; CHUNK], sums: &mut [f64; CHUNK]) {
        half_backward::add_fours(fours, sums);
    }

    #[inline(always)]
    fn bytes_of_chunk(self, signs: u64) -> [i8; CHUNK] {
        unpack(signs).map(u8::cast_signed)
    }

    #[inline(always)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64 {
        pack(bytes.map(|byte| u8::from(byte != 0)))
    }
}

/// Bytes of 0 or 1 as bits, the first in the lowest: rows of eight bytes, one bit apart, are a matrix of eight
/// times eight bits, columns first.
#[inline(always)]
fn pack(bytes: [u8; CHUNK]) -> u64 {
    let (rows, _) = bytes.as_chunks::<8>();
    let mut bits = 0;
    for (row, eight) in rows.iter().enumerate() {
        bits |= u64::from_le_bytes(*eight) << row;
    }
    transposed(bits)
}

/// What [`pack`] packs: its rows are taken out of the matrix again.
#[inline(always)]
fn unpack(bits: u64) -> [u8; CHUNK] {
    let columns = transposed(bits);
    let mut bytes = [0; CHUNK];
    let (rows, _) = bytes.as_chunks_mut::<8>();
    for (row, eight) in rows.iter_mut().enumerate() {
        *eight = (columns >> row & 0x0101_0101_0101_0101).to_le_bytes();
    }
    bytes
}

/// Bit `i` of byte `j` becomes bit `j` of byte `i`: single bits, pairs and fours change places.
#[inline(always)]
fn transposed(mut bits: u64) -> u64 {
    for (distance, lower) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0xcccc_0000_cccc), (28, 0xf0f0_f0f0)]
    {
        let changed = (bits ^ bits >> distance) & lower;
        bits ^= changed ^ changed << distance;
    }
    bits
}
