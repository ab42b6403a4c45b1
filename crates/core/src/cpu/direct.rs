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
//! Departures: those of [`super::walk`], which is [`super::backward`]'s too, so that both give the
//! same bits.

use std::ops::Range;

use super::Cpu;
use super::blocks::Blocks;
use super::frame::Frame;
use super::partials::{Partials, first_channel};
use super::segments::Segments;
use super::walk::{Chunk, Operands, Walk};
use crate::backend::DirectKernels;
use crate::codec::Identity;
use crate::element::Element;
use crate::error::Result;
use crate::plan::Plan;
use crate::vectors::Vectors;

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
        return block(cpu, plan, start, upstream, stash, rows);
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

fn block<T: Element>(
    cpu: &Cpu,
    plan: &Plan<Identity, T>,
    start: usize,
    upstream: &[T],
    stash: &mut [T],
    row: &mut [T::Accumulator],
) {
    let (frame, first) = (Frame::of(plan), first_channel(plan, start));
    for segment in Segments::new(plan, start..start + stash.len()) {
        let place = segment.start - start..segment.start - start + segment.len;
        let operands = OverStash { upstream: &upstream[place.clone()], stash: &mut stash[place] };
        cpu.level.run(Walk { frame, segment, operands, row: &mut *row, first }, false);
    }
}

/// The input gradient overwrites the stash.
struct OverStash<'a, T> {
    upstream: &'a [T],
    stash: &'a mut [T],
}

impl<T: Element> Operands<T> for OverStash<'_, T> {
    type Chunk<'c>
        = OverStashChunk<'c, T>
    where
        Self: 'c;

    #[inline(always)]
    fn len(&self) -> usize {
        self.stash.len()
    }

    #[inline(always)]
    fn chunk<V: Vectors>(&mut self, vectors: V, done: usize, len: usize) -> OverStashChunk<'_, T> {
        let stash = &mut self.stash[done..done + len];
        OverStashChunk {
            signs: vectors.signs(stash),
            upstream: &self.upstream[done..done + len],
            stash,
        }
    }
}

struct OverStashChunk<'a, T> {
    signs: u64,
    upstream: &'a [T],
    stash: &'a mut [T],
}

impl<T: Element> Chunk<T> for OverStashChunk<'_, T> {
    #[inline(always)]
    fn signs(&self) -> u64 {
        self.signs
    }

    #[inline(always)]
    fn basis(&self) -> &[T] {
        self.stash
    }

    #[inline(always)]
    fn upstream(&self) -> &[T] {
        self.upstream
    }

    #[inline(always)]
    fn input_gradient(&mut self) -> &mut [T] {
        self.stash
    }
}
