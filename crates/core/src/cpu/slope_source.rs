//! The slopes where channels are the fastest axis, chunk by chunk.

use crate::codec::CHUNK;
use crate::vectors::Table;

/// A slope per element, the channels over and over.
#[derive(Clone, Copy)]
pub(super) struct Cyclic<'a, W> {
    /// See [`crate::Plan::cyclic_slopes`].
    table: &'a [W],
    /// Elements until the table begins anew.
    period: usize,
    /// Place in the table of the chunk's first element.
    first: usize,
}

impl<'a, W> Cyclic<'a, W> {
    #[inline(always)]
    pub(super) fn new(table: &'a [W], first: usize) -> Self {
        Cyclic { table, period: table.len() + 1 - CHUNK, first }
    }

    /// Elements until the slopes begin anew.
    #[inline(always)]
    pub(super) fn period(&self) -> usize {
        self.period
    }

    /// The slopes of the chunk at hand.
    #[inline(always)]
    pub(super) fn chunk(&self) -> Table<'a, W> {
        let slopes = self.table[self.first..].first_chunk();
        Table(slopes.expect("the table has a chunk more than its period"))
    }

    /// Moves on by `len` elements, at most a chunk and no more than the period.
    #[inline(always)]
    pub(super) fn advance(&mut self, len: usize) {
        self.first = next(self.first, len, self.period);
    }
}

/// `(first + len) % period`, where `len` is not larger than `period`.
#[inline(always)]
pub(super) fn next(first: usize, len: usize, period: usize) -> usize {
    let sum = first + len;
    if sum < period { sum } else { sum - period }
}
