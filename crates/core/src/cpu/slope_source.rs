//! The slopes of a segment, chunk by chunk.
//!
//! [`Single`] and [`Table`] are a chunk's, [`Cyclic`] is a segment's and moves on.

use crate::codec::CHUNK;
use crate::element::Wide;

/// Where a chunk's slopes come from.
pub(super) trait SlopeSource<W: Wide> {
    /// The slopes of the chunk at hand.
    fn chunk(&self) -> impl Fn(usize) -> W;
}

/// One slope for the whole chunk.
pub(super) struct Single<W>(pub(super) W);

impl<W: Wide> SlopeSource<W> for Single<W> {
    #[inline(always)]
    fn chunk(&self) -> impl Fn(usize) -> W {
        |_| self.0
    }
}

/// A slope per element of the chunk.
pub(super) struct Table<W>(pub(super) [W; CHUNK]);

impl<W: Wide> SlopeSource<W> for Table<W> {
    #[inline(always)]
    fn chunk(&self) -> impl Fn(usize) -> W {
        |lane| self.0[lane]
    }
}

/// A slope per element, the channels over and over.
pub(super) struct Cyclic<'a, W> {
    /// The slopes and a chunk's worth of repeats: see [`crate::Plan::cyclic_slopes`].
    table: &'a [W],
    channels: usize,
    /// Channel of the chunk's first element.
    first: usize,
}

impl<'a, W> Cyclic<'a, W> {
    pub(super) fn new(table: &'a [W], channels: usize, first: usize) -> Self {
        Cyclic { table, channels, first }
    }

    /// Moves on by `len` elements.
    #[inline(always)]
    pub(super) fn advance(&mut self, len: usize) {
        self.first = next(self.first, len, self.channels);
    }
}

impl<W: Wide> SlopeSource<W> for Cyclic<'_, W> {
    #[inline(always)]
    fn chunk(&self) -> impl Fn(usize) -> W {
        let slopes = &self.table[self.first..self.first + CHUNK];
        move |lane| slopes[lane]
    }
}

/// `(first + len) % channels`, without the division where it can be seen that there is none.
#[inline(always)]
pub(super) fn next(first: usize, len: usize, channels: usize) -> usize {
    let sum = first + len;
    if sum < channels { sum } else { sum % channels }
}
