//! A sum for each element of a chunk.

use super::CHUNK;
use crate::accumulator::Accumulator;
use crate::element::Element;

/// A sum for each element of a chunk, in the parts that [`Lanes`](super::Lanes) has.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Columns {
    pub(crate) sums: [f64; CHUNK],
    pub(crate) lost: [f64; CHUNK],
}

impl Columns {
    /// The entries of a row, at most [`CHUNK`].
    #[inline(always)]
    pub(crate) fn of<T: Element>(row: &[T::Accumulator]) -> Self {
        let mut columns = Columns { sums: [0.0; CHUNK], lost: [0.0; CHUNK] };
        for (lane, sum) in row.iter().enumerate() {
            (columns.sums[lane], columns.lost[lane]) = sum.parts();
        }
        columns
    }

    /// Writes them back.
    #[inline(always)]
    pub(crate) fn put<T: Element>(&self, row: &mut [T::Accumulator]) {
        for (lane, sum) in row.iter_mut().enumerate() {
            *sum = T::Accumulator::from_parts(self.sums[lane], self.lost[lane]);
        }
    }

    /// The memory of [`CHUNK`] entries of two parts each, to hold all sums and then all that was lost: vectors of one
    /// part need no shuffling. None where there are fewer. [`Columns::join`] makes entries of them.
    #[inline(always)]
    pub(super) fn parted<T: Element>(row: &mut [T::Accumulator]) -> Option<&mut Columns> {
        match bytemuck::try_cast_slice_mut(row) {
            Ok([columns]) => Some(columns),
            _ => None,
        }
    }

    /// Entries of what [`Columns::parted`] holds, in all whole chunks of a row.
    #[inline(always)]
    pub(super) fn join<T: Element>(row: &mut [T::Accumulator]) {
        for chunk in row.as_chunks_mut::<CHUNK>().0 {
            if let Some(&mut columns) = Columns::parted::<T>(chunk) {
                columns.put::<T>(chunk);
            }
        }
    }
}
