//! The slopes of a segment, chunk by chunk.

use crate::element::Element;

/// The slopes of the chunk at hand.
pub(super) trait SlopeSource<T: Element> {
    /// The slope of the chunk's element `lane`.
    fn slope(&self, lane: usize) -> T::Wide;

    /// Moves on by `len` elements.
    fn advance(&mut self, len: usize);
}

/// One slope for the whole segment.
pub(super) struct Single<W>(pub(super) W);

impl<T: Element<Wide = W>, W: Copy> SlopeSource<T> for Single<W> {
    #[inline(always)]
    fn slope(&self, _: usize) -> W {
        self.0
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

impl<T: Element<Wide = W>, W: Copy> SlopeSource<T> for Cyclic<'_, W> {
    #[inline(always)]
    fn slope(&self, lane: usize) -> W {
        self.table[self.first..][lane]
    }

    #[inline(always)]
    fn advance(&mut self, len: usize) {
        self.first = (self.first + len) % self.channels;
    }
}
