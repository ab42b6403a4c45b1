//! Runs: where in its channel's run an element lies, and the slopes of a chunk that reaches into the next runs.

use super::frame::Frame;
use crate::codec::CHUNK;
use crate::element::{Element, Wide};
use crate::vectors::ByRun;

/// Runs shorter than this are many to a chunk; of the others at most three are in one.
pub(super) const SHORT: usize = 32;

/// Runs shorter than this are in chunks over their ends, where the rest of a chunk is not to be had cheaply:
/// their own last chunks would be many.
pub(super) const LONG: usize = 2 * CHUNK;

/// The run at hand, and those that follow it.
#[derive(Clone, Copy)]
pub(super) struct Runs<'a, T> {
    slopes: &'a [T],
    inner: usize,
    /// The channel of the run at hand.
    channel: usize,
    /// Its elements that are still to come; never 0.
    pub(super) left: usize,
}

impl<'a, T: Element> Runs<'a, T> {
    /// From the element of channel `channel` on that is `left` elements before the end of its run.
    #[inline(always)]
    pub(super) fn new(frame: Frame<'a, T>, channel: usize, left: usize) -> Self {
        Runs { slopes: frame.slopes, inner: frame.inner, channel, left }
    }

    /// The slope of the run at hand.
    #[inline(always)]
    pub(super) fn slope(&self) -> T::Wide {
        self.slopes[self.channel].widen()
    }

    /// Whether runs are [`SHORT`].
    #[inline(always)]
    pub(super) fn short(&self) -> bool {
        self.inner < SHORT
    }

    /// Whether they are neither [`SHORT`] nor [`LONG`].
    #[inline(always)]
    pub(super) fn middle(&self) -> bool {
        (SHORT..LONG).contains(&self.inner)
    }

    /// Whether the run at hand has begun.
    #[inline(always)]
    pub(super) fn begun(&self) -> bool {
        self.left < self.inner
    }

    /// Moves on by `len` elements, at most to the end of the run. Whether that was the end.
    #[inline(always)]
    pub(super) fn advance(&mut self, len: usize) -> bool {
        self.left -= len;
        let ended = self.left == 0;
        if ended {
            self.left = self.inner;
            self.channel += 1;
            if self.channel == self.slopes.len() {
                self.channel = 0;
            }
        }
        ended
    }

    /// The slopes of the next `len` elements, at most [`CHUNK`], where runs are not [`SHORT`]: up to
    /// three; and moves past them.
    #[inline(always)]
    pub(super) fn next(&mut self, len: usize) -> ByRun<T::Wide> {
        let first = self.slope();
        let end = self.left.min(len);
        self.advance(end);
        let second = self.slope();
        let next_end = (end + self.left).min(len);
        self.advance(next_end - end);
        let third = self.slope();
        self.advance(len - next_end);
        ByRun { slopes: [first, second, third], ends: [end, next_end] }
    }

    /// The slopes of the next `len` elements, at most [`CHUNK`], where runs are [`SHORT`]; and moves past
    /// them. Each run overwrites a constant number of slopes, also those of the runs behind
    /// it: constant fills are a few vector stores.
    #[inline(always)]
    pub(super) fn table(&mut self, len: usize) -> [T::Wide; CHUNK] {
        const FILL: usize = SHORT;
        let mut slopes = [T::Wide::ZERO; CHUNK + FILL];
        let mut at = 0;
        while at < len {
            slopes[at..at + FILL].fill(self.slope());
            let piece = self.left.min(len - at);
            self.advance(piece);
            at += piece;
        }
        let mut table = [T::Wide::ZERO; CHUNK];
        table.copy_from_slice(&slopes[..CHUNK]);
        table
    }
}
