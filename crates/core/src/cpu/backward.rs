//! Backward: one pass that overwrites the upstream gradient with the input gradient.
//!
//! ```text
//! for each block, in parallel:
//!     for each segment of the block:
//!         positive, basis = derived:  y > 0, y
//!                           encoded:  codec.decode(words, y)
//!                           kept:     kept > 0, kept
//!         partial[channel] += g * basis where not positive     (learned slopes only)
//!         g = g * (1 if positive else slope)
//! for each channel:  slope gradient += (sum of its partials) / (slope where basis is y)
//! ```
//!
//! Departures: those of [`super::walk`].

use std::ops::Range;

use super::Cpu;
use super::blocks::Blocks;
use super::frame::Frame;
use super::mixed::{Classes, MixedInPlace, is_mixed};
use super::partials::first_channel;
use super::segments::{Segment, Segments};
use super::walk::{Chunk, Operands, Walk};
use crate::codec::{CHUNK, Channel, Codec, Identity, SignOfOutput};
use crate::element::Element;
use crate::plan::Plan;
use crate::vectors::Vectors;

/// The saved state and the output, of the whole tensor; the output may be empty.
#[derive(Clone, Copy)]
pub(super) struct Saved<'a, W, T> {
    pub(super) words: &'a [W],
    pub(super) kept: &'a [T],
    pub(super) output: &'a [T],
}

/// Runs the blocks of the whole tensor. `rows` is a row of partial sums per block, or empty.
pub(super) fn backward<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    saved: Saved<'_, C::Word, T>,
    grad: &mut [T],
    rows: &mut [T::Accumulator],
) {
    let blocks = Blocks::of(plan);
    split(cpu, plan, blocks, 0..blocks.count, saved, grad, rows);
}

/// Halves a range of blocks until it is one. `grad` and `rows` are the range's own.
fn split<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    blocks: Blocks,
    range: Range<usize>,
    saved: Saved<'_, C::Word, T>,
    grad: &mut [T],
    rows: &mut [T::Accumulator],
) {
    let start = blocks.start(plan, range.start);
    if range.len() <= 1 {
        return block(cpu, plan, start, saved, grad, rows);
    }
    let middle = range.start + range.len() / 2;
    let (grad_left, grad_right) = grad.split_at_mut(blocks.start(plan, middle) - start);
    let own_rows = if rows.is_empty() { 0 } else { (middle - range.start) * blocks.width };
    let (rows_left, rows_right) = rows.split_at_mut(own_rows);
    cpu.fork(
        || split(cpu, plan, blocks, range.start..middle, saved, grad_left, rows_left),
        || split(cpu, plan, blocks, middle..range.end, saved, grad_right, rows_right),
    );
}

fn block<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    start: usize,
    saved: Saved<'_, C::Word, T>,
    grad: &mut [T],
    row: &mut [T::Accumulator],
) {
    let (frame, first) = (Frame::of(plan), first_channel(plan, start));
    let mut word = plan.encoded_before(start);
    let mut keep = plan.kept_before(start);
    if is_mixed(plan) && !grad.is_empty() {
        let segment = Segment::whole(plan, start..start + grad.len());
        let operands = MixedInPlace::<C, T> {
            classes: Classes::new(plan, (segment.channel, segment.left), (word, keep)),
            words: saved.words,
            kept: saved.kept,
            output: saved.output.get(start..start + grad.len()).unwrap_or_default(),
            grad,
        };
        return cpu.level.run(Walk { frame, segment, operands, row, first }, false);
    }
    for segment in Segments::new(plan, start..start + grad.len()) {
        let (from, len, row) = (segment.start, segment.len, &mut *row);
        let grad = &mut grad[from - start..][..len];
        let output = saved.output.get(from..from + len).unwrap_or_default();
        match segment.class {
            Channel::Derived => {
                let operands = InPlace::<SignOfOutput, T>::new(&[], 0, output, grad);
                cpu.level.run(Walk { frame, segment, operands, row, first }, false);
            }
            Channel::Encoded => {
                let operands = InPlace::<C, T>::new(saved.words, word, output, grad);
                cpu.level.run(Walk { frame, segment, operands, row, first }, false);
                word += len;
            }
            Channel::Kept => {
                let operands = InPlace::<Identity, T>::new(saved.kept, keep, output, grad);
                cpu.level.run(Walk { frame, segment, operands, row, first }, false);
                keep += len;
            }
        }
    }
}

/// The input gradient overwrites the upstream one.
struct InPlace<'a, D: Codec<T>, T: Element> {
    words: &'a [D::Word],
    /// The segment's first element among those `words` are for.
    at: usize,
    /// The segment's outputs, or empty where they are not needed.
    output: &'a [T],
    /// Stands for the outputs of a chunk where there are none.
    unread: [T; CHUNK],
    grad: &'a mut [T],
}

impl<'a, D: Codec<T>, T: Element> InPlace<'a, D, T> {
    #[inline(always)]
    fn new(words: &'a [D::Word], at: usize, output: &'a [T], grad: &'a mut [T]) -> Self {
        InPlace { words, at, output, unread: [T::default(); CHUNK], grad }
    }
}

impl<D: Codec<T>, T: Element> Operands<T> for InPlace<'_, D, T> {
    type Chunk<'c>
        = InPlaceChunk<'c, T>
    where
        Self: 'c;

    #[inline(always)]
    fn len(&self) -> usize {
        self.grad.len()
    }

    #[inline(always)]
    fn chunk<V: Vectors>(&mut self, vectors: V, done: usize, len: usize) -> InPlaceChunk<'_, T> {
        let output = self.output.get(done..done + len).unwrap_or(&self.unread[..len]);
        InPlaceChunk {
            signs: D::signs(vectors, self.words, self.at + done, len, output),
            basis: D::basis(self.words, self.at + done, len, output),
            grad: &mut self.grad[done..done + len],
        }
    }
}

struct InPlaceChunk<'a, T> {
    signs: u64,
    basis: &'a [T],
    grad: &'a mut [T],
}

impl<T: Element> Chunk<T> for InPlaceChunk<'_, T> {
    #[inline(always)]
    fn signs(&self) -> u64 {
        self.signs
    }

    #[inline(always)]
    fn basis(&self) -> &[T] {
        self.basis
    }

    #[inline(always)]
    fn upstream(&self) -> &[T] {
        self.grad
    }

    #[inline(always)]
    fn input_gradient(&mut self) -> &mut [T] {
        self.grad
    }
}
