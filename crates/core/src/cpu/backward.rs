//! Backward: one pass that overwrites the upstream gradient with the input gradient.
//!
//! ```text
//! for each block, in parallel:
//!     for each channel's run in it:
//!         positive, basis = derived:  y > 0, y
//!                           encoded:  codec.decode(words, y)
//!                           kept:     kept > 0, kept
//!         partial[channel] += g * basis where not positive     (learned slopes only)
//!         g = g * (1 if positive else slope)
//! for each channel:  slope gradient += (sum of its partials) / (slope where basis is y)
//! ```
//!
//! Departures: those of [`super::walk`].

use super::Cpu;
use super::blocks::{Blocks, take_front};
use super::frame::Frame;
use super::mixed::{Classes, MixedInPlace};
use super::mixed_runs::{ClassRuns, RunsInPlace};
use super::origin::Origin;
use super::walk::{Chunk, Classed, Operands, Spot, Walk};
use crate::codec::{Channel, Codec, Identity, SignOfOutput};
use crate::element::Element;
use crate::plan::Plan;
use crate::vectors::{Piece, Vectors};

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
    // What is not read is not asked for ahead either.
    let saved = if plan.needs_output() { saved } else { Saved { output: &[], ..saved } };
    let bytes = 2 * size_of_val(grad) + size_of_val(saved.output);
    cpu.share(bytes, Parts::new(plan, grad, rows), |part| {
        block(cpu, plan, part.start, saved, part.written, part.row);
    });
}

/// The blocks that are still to come, each with its own part of the tensor that is written, and its row.
pub(super) struct Parts<'a, C, T: Element> {
    plan: &'a Plan<C, T>,
    blocks: Blocks,
    next: usize,
    written: &'a mut [T],
    rows: &'a mut [T::Accumulator],
}

/// What belongs to one block.
pub(super) struct Part<'a, T: Element> {
    pub(super) start: usize,
    pub(super) written: &'a mut [T],
    /// Empty where there is nothing to sum.
    pub(super) row: &'a mut [T::Accumulator],
}

impl<'a, C: Codec<T>, T: Element> Parts<'a, C, T> {
    pub(super) fn new(
        plan: &'a Plan<C, T>,
        written: &'a mut [T],
        rows: &'a mut [T::Accumulator],
    ) -> Self {
        Parts { plan, blocks: Blocks::of(plan), next: 0, written, rows }
    }
}

impl<'a, C: Codec<T>, T: Element> Iterator for Parts<'a, C, T> {
    type Item = Part<'a, T>;

    fn next(&mut self) -> Option<Part<'a, T>> {
        if self.next == self.blocks.count {
            return None;
        }
        let start = self.blocks.start(self.plan, self.next);
        let end = self.blocks.start(self.plan, self.next + 1);
        self.next += 1;
        let width = self.blocks.width.min(self.rows.len());
        Some(Part {
            start,
            written: take_front(&mut self.written, end - start),
            row: take_front(&mut self.rows, width),
        })
    }
}

fn block<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    start: usize,
    saved: Saved<'_, C::Word, T>,
    grad: &mut [T],
    row: &mut [T::Accumulator],
) {
    if grad.is_empty() {
        return;
    }
    let frame = Frame::of(plan);
    let origin = Origin::of(plan, start);
    let output = saved.output.get(start..start + grad.len()).unwrap_or_default();
    let reach = frame.reach(false);
    let before = [plan.encoded_before(start), plan.kept_before(start)];
    match (Classed::of(plan), plan.classes()[0]) {
        (Classed::InChunk, _) => {
            let (words, kept) = (saved.words, saved.kept);
            let classes = Classes::new(plan, origin, before);
            let operands = MixedInPlace::<C, T> { classes, words, kept, output, grad };
            cpu.level.run(Walk { frame, origin, operands, row }, reach);
        }
        (Classed::ByRun, _) => {
            let (classes, saved) = (ClassRuns::new(plan, origin), Saved { output, ..saved });
            let operands = RunsInPlace::<C, T>::new(classes, saved, before, grad);
            cpu.level.run(Walk { frame, origin, operands, row }, reach);
        }
        (Classed::Whole, Channel::Derived) => {
            let operands = InPlace::<SignOfOutput, T> { words: &[], at: 0, output, grad };
            cpu.level.run(Walk { frame, origin, operands, row }, reach);
        }
        (Classed::Whole, Channel::Encoded) => {
            let operands = InPlace::<C, T> { words: saved.words, at: before[0], output, grad };
            cpu.level.run(Walk { frame, origin, operands, row }, reach);
        }
        (Classed::Whole, Channel::Kept) => {
            let operands =
                InPlace::<Identity, T> { words: saved.kept, at: before[1], output, grad };
            cpu.level.run(Walk { frame, origin, operands, row }, reach);
        }
    }
}

/// All channels are of one class. The input gradient overwrites the upstream one.
struct InPlace<'a, D: Codec<T>, T: Element> {
    words: &'a [D::Word],
    /// The first element among those `words` are for.
    at: usize,
    /// The outputs, or empty where they are not needed.
    output: &'a [T],
    grad: &'a mut [T],
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
    fn chunk<V: Vectors>(&mut self, vectors: V, spot: Spot, len: usize) -> InPlaceChunk<'_, T> {
        let done = spot.done;
        let output = self.output.get(done..done + len).unwrap_or_default();
        let basis = D::basis(self.words, self.at + done, len, output);
        let grad = &mut self.grad[done..done + len];
        vectors.look_ahead([basis, &*grad]);
        let signs = if D::COMPARED {
            0
        } else {
            D::signs(vectors, self.words, self.at + done, len, output)
        };
        InPlaceChunk { signs, basis, compared: D::COMPARED, grad }
    }
}

pub(super) struct InPlaceChunk<'a, T> {
    /// Anything where those of the basis are compared.
    pub(super) signs: u64,
    pub(super) basis: &'a [T],
    pub(super) compared: bool,
    pub(super) grad: &'a mut [T],
}

impl<T: Element> Chunk<T> for InPlaceChunk<'_, T> {
    #[inline(always)]
    fn bits(&self) -> u64 {
        self.signs
    }

    #[inline(always)]
    fn piece(&mut self) -> Piece<'_, T> {
        Piece::in_place(self.grad, self.basis, self.compared)
    }
}
