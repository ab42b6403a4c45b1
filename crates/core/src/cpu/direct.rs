//! Backward over a stash: the upstream gradient is read from elsewhere, and the input gradient
//! overwrites the pre-activation.
//!
//! ```text
//! for each block, in parallel:
//!     for each segment of the block:
//!         partial[channel] += g * x where x is not positive     (learned slopes only)
//!         x = g * (1 if x > 0 else slope)
//! for each channel:  slope gradient += sum of its partials
//! ```
//!
//! Departures: those of [`super::backward`], whose sums these are, so that both give the same bits.

use std::ops::Range;

use super::Cpu;
use super::backward::{Chunk, Columns, NoSum, Run, Sums};
use super::blocks::Blocks;
use super::partials::{Partials, first_channel};
use super::segments::{Segment, Segments};
use super::simd::Task;
use super::slope_source::{Cyclic, Single, SlopeSource};
use crate::accumulator::Accumulator;
use crate::backend::DirectKernels;
use crate::codec::{CHUNK, Identity};
use crate::element::{Element, Wide};
use crate::error::Result;
use crate::plan::Plan;

impl<T: Element> DirectKernels<T> for Cpu {
    fn backward_direct(
        &self,
        plan: &Plan<Identity, T>,
        upstream: &[T],
        stash: &mut [T],
        slope_gradient: Option<&mut [f64]>,
    ) -> Result<()> {
        let mut partials = Partials::new(plan, &self.memory)?;
        let blocks = Blocks::of(plan);
        let rows = partials.rows();
        self.run(|| split(self, plan, blocks, 0..blocks.count, upstream, stash, rows));
        if let Some(sums) = slope_gradient {
            partials.add_to(plan, sums);
        }
        Ok(())
    }
}

/// Halves a range of blocks until it is one. The slices are the range's own.
fn split<T: Element>(
    cpu: &Cpu,
    plan: &Plan<Identity, T>,
    blocks: Blocks,
    range: Range<usize>,
    upstream: &[T],
    stash: &mut [T],
    rows: &mut [T::Accumulator],
) {
    let start = blocks.start(plan, range.start);
    if range.len() <= 1 {
        cpu.level.run(Block { plan, start, upstream, stash, row: rows });
        return;
    }
    let middle = range.start + range.len() / 2;
    let cut = blocks.start(plan, middle) - start;
    let (upstream_left, upstream_right) = upstream.split_at(cut);
    let (stash_left, stash_right) = stash.split_at_mut(cut);
    let own_rows = if rows.is_empty() { 0 } else { (middle - range.start) * blocks.width };
    let (rows_left, rows_right) = rows.split_at_mut(own_rows);
    cpu.fork(
        || split(cpu, plan, blocks, range.start..middle, upstream_left, stash_left, rows_left),
        || split(cpu, plan, blocks, middle..range.end, upstream_right, stash_right, rows_right),
    );
}

struct Block<'a, T: Element> {
    plan: &'a Plan<Identity, T>,
    start: usize,
    upstream: &'a [T],
    stash: &'a mut [T],
    row: &'a mut [T::Accumulator],
}

impl<T: Element> Task for Block<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Block { plan, start, upstream, stash, row } = self;
        let channels = plan.slopes().len();
        let base = first_channel(plan, start);
        for segment in Segments::new(plan, start..start + stash.len()) {
            let Segment { start: first, len, channel, .. } = segment;
            let stash = &mut stash[first - start..][..len];
            let upstream = &upstream[first - start..][..len];
            let entry = if channel < base { channel + channels - base } else { channel - base };
            let columns = Cyclic::new(plan.cyclic_slopes(), channels, channel);
            let single = Single(plan.slopes()[channel].widen());
            match (plan.by_slope().inner() == 1, plan.is_learned()) {
                (true, true) => {
                    let mut sums = Columns { row: &mut *row, first: channel, channels };
                    chunks(upstream, stash, columns, &mut sums);
                }
                (true, false) => chunks(upstream, stash, columns, &mut NoSum),
                (false, true) => {
                    let mut run = Run::default();
                    chunks(upstream, stash, single, &mut run);
                    row[entry].merge(run.fold::<T>());
                }
                (false, false) => chunks(upstream, stash, single, &mut NoSum),
            }
        }
    }
}

#[inline(always)]
fn chunks<T: Element>(
    upstream: &[T],
    stash: &mut [T],
    mut slopes: impl SlopeSource<T::Wide>,
    sums: &mut impl Sums<T>,
) {
    let whole = stash.len() - stash.len() % CHUNK;
    let (stash, stash_rest) = stash.split_at_mut(whole);
    let (upstream, upstream_rest) = upstream.split_at(whole);
    for (g, x) in upstream.chunks_exact(CHUNK).zip(stash.chunks_exact_mut(CHUNK)) {
        pass(CHUNK, g, x, &slopes, sums);
        slopes.advance(CHUNK);
    }
    if !stash_rest.is_empty() {
        pass(stash_rest.len(), upstream_rest, stash_rest, &slopes, sums);
    }
}

/// `len` elements; a constant for whole chunks, once this is inlined.
#[inline(always)]
fn pass<T: Element>(
    len: usize,
    upstream: &[T],
    stash: &mut [T],
    slopes: &impl SlopeSource<T::Wide>,
    sums: &mut impl Sums<T>,
) {
    let (upstream, stash) = (&upstream[..len], &mut stash[..len]);
    let unread = [T::default(); CHUNK];
    sums.add(len, upstream, &Chunk::<Identity, T> { lanes: stash, outputs: &unread[..len] });
    let slope = slopes.chunk();
    for (lane, (x, g)) in stash.iter_mut().zip(upstream).enumerate() {
        let factor = if x.positive() { T::Wide::ONE } else { slope(lane) };
        *x = T::narrow(g.widen() * factor);
    }
}
