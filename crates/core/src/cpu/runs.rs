//! Runs: where in its channel's run each chunk of a segment begins, and the slopes of a chunk that
//! reaches into the next runs.

use super::frame::Frame;
use super::slope_source::Table;
use crate::codec::CHUNK;
use crate::element::{Element, Wide};

/// Runs shorter than this are many to a chunk; of the others at most three are in one.
pub(super) const SHORT: usize = 32;

/// The run at hand, and those that follow it.
#[derive(Clone, Copy)]
pub(super) struct Runs<'a, T> {
    slopes: &'a [T],
    inner: usize,
    /// The channel of the run at hand.
    pub(super) channel: usize,
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

    /// The slopes of the next `len` elements, at most [`CHUNK`], and moves past them.
    #[inline(always)]
    pub(super) fn table(&mut self, len: usize) -> Table<T::Wide> {
        if self.short() { self.short_table(len) } else { self.long_table(len) }
    }

    /// Up to three runs: compared by lane, in registers.
    #[inline(always)]
    fn long_table(&mut self, len: usize) -> Table<T::Wide> {
        let first = self.slope();
        let end = self.left.min(len);
        self.advance(end);
        let second = self.slope();
        let next_end = (end + self.left).min(len);
        self.advance(next_end - end);
        let third = self.slope();
        self.advance(len - next_end);
        let (end, next_end) = (end as u32, next_end as u32);
        let mut table = [third; CHUNK];
        for (lane, slope) in table.iter_mut().enumerate() {
            *slope = if (lane as u32) < next_end { second } else { third };
        }
        for (lane, slope) in table.iter_mut().enumerate() {
            *slope = if (lane as u32) < end { first } else { *slope };
        }
        Table(table)
    }

    /// Any number of runs. Each overwrites a constant number of slopes, also those of the runs behind
    /// it: constant fills are a few vector stores.
    #[inline(always)]
    fn short_table(&mut self, len: usize) -> Table<T::Wide> {
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
        Table(table)
    }
}
