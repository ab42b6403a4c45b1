//! The slopes of a segment, chunk by chunk.

use crate::codec::CHUNK;
use crate::element::Wide;

/// Where a segment's slopes come from.
pub(super) trait SlopeSource<W: Wide> {
    /// The slopes of the chunk at hand.
    fn chunk(&self) -> impl Fn(usize) -> W;

    /// Moves on by `len` elements.
    fn advance(&mut self, len: usize);
}

/// One slope for the whole segment.
pub(super) struct Single<W>(pub(super) W);

impl<W: Wide> SlopeSource<W> for Single<W> {
    #[inline(always)]
    fn chunk(&self) -> impl Fn(usize) -> W {
        |_| self.0
    }

    #[inline(always)]
    fn advance(&mut self, _: usize) {}
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
}

impl<W: Wide> SlopeSource<W> for Cyclic<'_, W> {
    #[inline(always)]
    fn chunk(&self) -> impl Fn(usize) -> W {
        let slopes = &self.table[self.first..self.first + CHUNK];
        move |lane| slopes[lane]
    }

    #[inline(always)]
    fn advance(&mut self, len: usize) {
        self.first = next(self.first, len, self.channels);
    }
}

/// `(first + len) % channels`, without the division where it can be seen that there is none.
#[inline(always)]
pub(super) fn next(first: usize, len: usize, channels: usize) -> usize {
    let sum = first + len;
    if sum < channels { sum } else { sum % channels }
}
