//! A block's backward where channels are the fastest axis: a sum for every column of a period.
//!
//! ```text
//! for each row of a period:  for each chunk of it:  sum by column, propagate
//! ```
//!
//! Departures: (1) where a period is one chunk, its sums stay in registers; (2) where a core's cache holds the tensors and
//! the level has registers enough, whole rows are summed down a chunk of columns; (3) two-byte types go four rows at a
//! time ([`super::four_rows`]). Each sum has the same terms in the same order in (1) and (2).

use bytemuck::cast_slice_mut;

use super::four_rows::fours_of_rows;
use super::slope_source::Cyclic;
use super::walk::{Chunk, Operands, Spot, Walk};
use crate::codec::CHUNK;
use crate::element::{Dtype, Element};
use crate::vectors::{Columns, Table, Vectors};

impl<O: Operands<T>, T: Element> Walk<'_, O, T> {
    #[inline(always)]
    pub(super) fn columns<V: Vectors>(mut self, vectors: V) {
        let (period, len) = (self.frame.period(), self.operands.len());
        let mut slopes = Cyclic::new(self.frame.cyclic_slopes, self.origin.channel);
        let mut spot = Spot::at(0);
        if matches!(T::DTYPE, Dtype::F16 | Dtype::Bf16) {
            let sums = cast_slice_mut(self.row);
            spot = fours_of_rows::<O, T, V>(vectors, &mut self.operands, slopes, sums);
        }
        if period == CHUNK {
            self.one_chunk_of_columns(vectors, &slopes.chunk(), spot);
            return;
        }
        if spot.done == 0
            && self.frame.near
            && vectors.unrolls::<T>()
            && period.is_multiple_of(CHUNK)
        {
            spot = self.down_the_columns(vectors, slopes);
        }
        while spot.done < len {
            let len = CHUNK.min(len - spot.done).min(period - spot.column);
            let row = &mut self.row[spot.column..];
            if vectors.unrolls::<T>() && len == CHUNK {
                let chunk = self.operands.chunk(vectors, spot, CHUNK);
                by_column(vectors, chunk, &slopes.chunk(), &mut row[..CHUNK]);
            } else {
                let (chunk, entries) =
                    (self.operands.chunk(vectors, spot, len), CHUNK.min(row.len()));
                by_column(vectors, chunk, &slopes.chunk(), &mut row[..entries]);
            }
            slopes.advance(len);
            spot.advance(len, period);
        }
        vectors.finish_row::<T>(self.row);
    }

    /// All whole rows, a chunk of columns at a time with its sums in registers: from memory such reads are too far
    /// apart. Returns where the next row begins.
    #[inline(always)]
    fn down_the_columns<V: Vectors>(
        &mut self,
        vectors: V,
        mut slopes: Cyclic<'_, T::Wide>,
    ) -> Spot {
        let period = self.frame.period();
        let rows = self.operands.len() / period;
        let columns = if rows > 0 { period } else { 0 };
        for column in (0..columns).step_by(CHUNK) {
            let entries = &mut self.row[column..column + CHUNK];
            let mut sums = Columns::of::<T>(entries);
            for row in 0..rows {
                let spot = Spot { done: row * period + column, row, column };
                let mut chunk = self.operands.chunk(vectors, spot, CHUNK);
                let bits = chunk.bits();
                vectors.backward_columns(&mut chunk.piece(), bits, &slopes.chunk(), &mut sums);
            }
            sums.put::<T>(entries);
            slopes.advance(CHUNK);
        }
        Spot { done: rows * period, row: rows, column: 0 }
    }

    /// A chunk is a whole number of rows of channels: its sums stay in registers.
    #[inline(always)]
    fn one_chunk_of_columns<V: Vectors>(
        mut self,
        vectors: V,
        slopes: &Table<'_, T::Wide>,
        mut spot: Spot,
    ) {
        let len = self.operands.len();
        let mut sums = Columns::of::<T>(self.row);
        while spot.done + CHUNK <= len {
            let mut chunk = self.operands.chunk(vectors, spot, CHUNK);
            let bits = chunk.bits();
            vectors.backward_columns(&mut chunk.piece(), bits, slopes, &mut sums);
            spot.advance(CHUNK, CHUNK);
        }
        if spot.done < len {
            let mut chunk = self.operands.chunk(vectors, spot, len - spot.done);
            let bits = chunk.bits();
            vectors.backward_columns(&mut chunk.piece(), bits, slopes, &mut sums);
        }
        sums.put::<T>(self.row);
    }

    /// Row by row: there is nothing to sum.
    #[inline(always)]
    pub(super) fn frozen_columns<V: Vectors>(mut self, vectors: V) {
        let (period, all) = (self.frame.period(), self.operands.len());
        let mut slopes = Cyclic::new(self.frame.cyclic_slopes, self.origin.channel);
        let mut spot = Spot::at(0);
        while spot.done < all {
            let len = CHUNK.min(all - spot.done).min(period - spot.column);
            let mut chunk = self.operands.chunk(vectors, spot, len);
            let bits = chunk.bits();
            vectors.propagate(&mut chunk.piece(), bits, &slopes.chunk());
            slopes.advance(len);
            spot.advance(len, period);
        }
    }
}

/// A chunk of a row of columns.
#[inline(always)]
fn by_column<T: Element, V: Vectors>(
    vectors: V,
    mut chunk: impl Chunk<T>,
    slopes: &Table<'_, T::Wide>,
    row: &mut [T::Accumulator],
) {
    let bits = chunk.bits();
    vectors.backward_row(&mut chunk.piece(), bits, slopes, row);
}
