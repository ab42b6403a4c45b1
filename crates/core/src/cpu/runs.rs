//! Runs: where in its channel's run an element lies, and the slopes of a chunk that reaches into the next runs.

use super::frame::Frame;
use super::origin::Origin;
use crate::codec::CHUNK;
use crate::element::{Element, Wide};
use crate::vectors::ByRun;

/// Runs shorter than this are many to a chunk; of the others at most three are in one.
pub(super) const SHORT: usize = 32;

/// Of runs as long as this, few chunks of a forward pass lie over an end, however cheap rests are.
const LONG: usize = 2 * CHUNK;

/// The run at hand, and those that follow it.
#[derive(Clone, Copy)]
pub(super) struct Runs<'a, W> {
    slopes: &'a [W],
    inner: usize,
    /// The channel of the run at hand.
    pub(super) channel: usize,
    /// Its elements that are still to come; never 0.
    pub(super) left: usize,
}

impl<'a, W: Wide> Runs<'a, W> {
    /// From an origin on.
    #[inline(always)]
    pub(super) fn new<T: Element<Wide = W>>(
        frame: Frame<'a, T>,
        Origin { channel, left }: Origin,
    ) -> Self {
        Runs { slopes: frame.slopes, inner: frame.inner, channel, left }
    }

    /// The slope of the run at hand.
    #[inline(always)]
    pub(super) fn slope(&self) -> W {
        self.slopes[self.channel]
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

    /// The slopes of the next `len` elements, at most [`CHUNK`], where runs are not [`SHORT`] and the one at hand ends within
    /// a chunk: up to three; and moves past them.
    #[inline(always)]
    pub(super) fn next(&mut self, len: usize) -> ByRun<W> {
        let (second, third) = (self.channel_after(1), self.channel_after(2));
        let slopes = [self.slope(), self.slopes[second], self.slopes[third]];
        let ends = [self.left, self.left + self.inner];
        debug_assert!(ends[0] <= CHUNK, "the run at hand ends within a chunk");
        // Not chosen from arrays: those would lie in memory, and each chunk would wait for the last one's.
        if ends[1] <= len {
            (self.channel, self.left) = (third, ends[1] + self.inner - len);
        } else if ends[0] <= len {
            (self.channel, self.left) = (second, ends[1] - len);
        } else {
            self.left -= len;
        }
        // Vectors compare ends in lanes of 32 bits.
        ByRun { slopes, ends: [ends[0], ends[0] + self.inner.min(CHUNK)] }
    }

    /// The channel of the next run, or of the one behind that; channels may be one.
    #[inline(always)]
    fn channel_after(&self, runs: usize) -> usize {
        let channel = self.channel + runs;
        if channel < self.slopes.len() { channel } else { channel % self.slopes.len() }
    }

    /// The slopes of the next `len` elements, at most [`CHUNK`], where runs are [`SHORT`]; and moves past
    /// them. Each run overwrites a constant number of slopes, also those of the runs behind
    /// it: constant fills are a few vector stores.
    #[inline(always)]
    pub(super) fn table(&mut self, len: usize) -> [W; CHUNK] {
        const FILL: usize = SHORT;
        let mut slopes = [W::ZERO; CHUNK + FILL];
        let mut at = 0;
        while at < len {
            slopes[at..at + FILL].fill(self.slope());
            let piece = self.left.min(len - at);
            self.advance(piece);
            at += piece;
        }
        let mut table = [W::ZERO; CHUNK];
        table.copy_from_slice(&slopes[..CHUNK]);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Runs};
    use crate::vectors::ChunkSlopes;

    /// Lanes of 32 bits would take an end from 2^31 on for one before the chunk.
    #[test]
    fn a_run_of_any_length_has_its_own_slope() {
        for inner in [CHUNK, 1 << 31, u32::MAX as usize - 20] {
            let mut runs = Runs { slopes: &[1.0_f32, 2.0, 3.0], inner, channel: 0, left: 10 };
            let slopes = runs.next(CHUNK);
            for lane in 0..CHUNK {
                let expected = if lane < 10 { 1.0 } else { 2.0 };
                assert_eq!(slopes.lane(lane), expected, "element {lane}, runs of {inner}");
            }
            assert_eq!((runs.channel, runs.left), (1, inner + 10 - CHUNK), "runs of {inner}");
        }
    }
}
