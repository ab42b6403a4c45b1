//! Partial sums of the slope gradient: a row per block, added up in the order of the blocks, so
//! that the result does not depend on the number of threads.

use super::blocks::Blocks;
use super::memory::{Buffer, Memory};
use crate::accumulator::Accumulator;
use crate::codec::Codec;
use crate::element::Element;
use crate::error::Result;
use crate::plan::Plan;

/// The rows of all blocks and a total per channel; none where the slopes are frozen.
pub(super) struct Partials<T: Element> {
    rows: Buffer<T::Accumulator>,
    totals: Buffer<T::Accumulator>,
    blocks: Blocks,
}

impl<T: Element> Partials<T> {
    fn count<C: Codec<T>>(plan: &Plan<C, T>) -> usize {
        let blocks = Blocks::of(plan);
        if plan.is_learned() { blocks.count * blocks.width } else { 0 }
    }

    fn totals_count<C: Codec<T>>(plan: &Plan<C, T>) -> usize {
        if plan.is_learned() { plan.by_slope().channels() } else { 0 }
    }

    /// Bytes of the rows and of the totals.
    pub(super) fn bytes<C: Codec<T>>(plan: &Plan<C, T>) -> usize {
        (Self::count(plan) + Self::totals_count(plan)) * size_of::<T::Accumulator>()
    }

    pub(super) fn new<C: Codec<T>>(plan: &Plan<C, T>, memory: &Memory) -> Result<Self> {
        Ok(Partials {
            rows: memory.alloc(Self::count(plan))?,
            totals: memory.alloc(Self::totals_count(plan))?,
            blocks: Blocks::of(plan),
        })
    }

    pub(super) fn rows(&mut self) -> &mut [T::Accumulator] {
        &mut self.rows
    }

    /// ```text
    /// for each channel:  total = sum of its partials, block by block
    ///                    sums += total / (slope where summed over y, else 1)
    /// ```
    pub(super) fn add_to<C: Codec<T>>(&mut self, plan: &Plan<C, T>, sums: &mut [f64]) {
        let channels = plan.by_slope().channels();
        let totals = &mut *self.totals;
        for (index, row) in self.rows.chunks(self.blocks.width.max(1)).enumerate() {
            let mut channel = first_channel(plan, self.blocks.start(plan, index));
            for &partial in row {
                totals[channel].merge(partial);
                channel += 1;
                if channel == channels {
                    channel = 0;
                }
            }
        }
        for (channel, (sum, total)) in sums.iter_mut().zip(totals.iter()).enumerate() {
            *sum += total.value() / plan.divisor(channel);
        }
    }
}

/// The channel that the first entry of a block's row is for; `start` is the block's first element.
pub(super) fn first_channel<C: Codec<T>, T: Element>(plan: &Plan<C, T>, start: usize) -> usize {
    let geometry = plan.by_slope();
    if geometry.inner() == 1 || start >= geometry.len() {
        return 0;
    }
    start / geometry.inner() % geometry.channels()
}
