//! Partial sums of the slope gradient: a row per block, added up in the order of the blocks, so
//! that the result does not depend on the number of threads.

use super::blocks::Blocks;
use super::memory::{Buffer, Memory};
use super::origin::Origin;
use crate::accumulator::Accumulator;
use crate::codec::Codec;
use crate::element::Element;
use crate::error::Result;
use crate::plan::Plan;

/// Sums that need no memory of the backend's: a call on a small tensor allocates nothing.
const ON_STACK: usize = 256;

/// The rows of all blocks and a total per channel; none where the slopes are frozen.
pub(super) struct Partials<T: Element> {
    few: [T::Accumulator; ON_STACK],
    /// Where those do not suffice.
    many: Option<Buffer<T::Accumulator>>,
    blocks: Blocks,
    rows: usize,
    totals: usize,
}

impl<T: Element> Partials<T> {
    fn counts<C: Codec<T>>(plan: &Plan<C, T>) -> (Blocks, usize, usize) {
        let blocks = Blocks::of(plan);
        let (rows, channels) = (blocks.count * blocks.width, plan.by_slope().channels());
        // One row of one sum per channel is its own total.
        let totals = if rows == channels && blocks.count == 1 { 0 } else { channels };
        if plan.is_learned() { (blocks, rows, totals) } else { (blocks, 0, 0) }
    }

    /// Bytes that [`Partials::new`] allocates.
    pub(super) fn bytes<C: Codec<T>>(plan: &Plan<C, T>) -> usize {
        let (_, rows, totals) = Self::counts(plan);
        let sums = rows + totals;
        if sums <= ON_STACK { 0 } else { sums * size_of::<T::Accumulator>() }
    }

    pub(super) fn new<C: Codec<T>>(plan: &Plan<C, T>, memory: &Memory) -> Result<Self> {
        let (blocks, rows, totals) = Self::counts(plan);
        let sums = rows + totals;
        let many = if sums <= ON_STACK { None } else { Some(memory.alloc(sums)?) };
        Ok(Partials { few: [T::Accumulator::default(); ON_STACK], many, blocks, rows, totals })
    }

    /// The rows, and the totals.
    fn parts(&mut self) -> (&mut [T::Accumulator], &mut [T::Accumulator]) {
        let sums = self.many.as_deref_mut().unwrap_or(&mut self.few);
        sums[..self.rows + self.totals].split_at_mut(self.rows)
    }

    pub(super) fn rows(&mut self) -> &mut [T::Accumulator] {
        self.parts().0
    }

    /// ```text
    /// for each channel:  total = sum of its partials, block by block
    ///                    sums += total / (slope where summed over y, else 1)
    /// ```
    pub(super) fn add_to<C: Codec<T>>(&mut self, plan: &Plan<C, T>, sums: &mut [f64]) {
        let channels = plan.by_slope().channels();
        let blocks = self.blocks;
        let (rows, totals) = self.parts();
        let (rows, totals) = if totals.is_empty() { (&mut [][..], rows) } else { (rows, totals) };
        for (index, row) in rows.chunks(blocks.width.max(1)).enumerate() {
            let mut channel = Origin::of(plan, blocks.start(plan, index)).channel;
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
