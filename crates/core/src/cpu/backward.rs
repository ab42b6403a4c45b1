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
//! Departures: (1) chunks of 64, as in forward; (2) a run's sum is kept in eight lanes, element
//! `j` of a chunk in lane `j % 8`, folded in halves at its end: the order of additions depends on
//! the geometry alone; (3) where channels are the fastest axis, every column has its own sum.

use std::ops::Range;

use super::Cpu;
use super::blocks::Blocks;
use super::partials::first_channel;
use super::segments::{self, Segment};
use super::simd::Task;
use super::slope_source::{Cyclic, Single, SlopeSource};
use crate::accumulator::Accumulator;
use crate::codec::{CHUNK, Channel, Codec, Identity, SignOfOutput};
use crate::element::{Element, Wide};
use crate::plan::Plan;

/// Lanes of a run's sum.
const LANES: usize = 8;

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
        cpu.level.run(Block { plan, start, saved, grad, row: rows });
        return;
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

struct Block<'a, C: Codec<T>, T: Element> {
    plan: &'a Plan<C, T>,
    start: usize,
    saved: Saved<'a, C::Word, T>,
    grad: &'a mut [T],
    row: &'a mut [T::Accumulator],
}

impl<C: Codec<T>, T: Element> Task for Block<'_, C, T> {
    #[inline(always)]
    fn run(self) {
        let Block { plan, start, saved, grad, row } = self;
        let channels = plan.by_slope().channels();
        let base = first_channel(plan, start);
        let mut word = plan.encoded_before(start);
        let mut keep = plan.kept_before(start);
        segments::for_each(plan, start..start + grad.len(), |segment| {
            let Segment { class, start: first, len, channel } = segment;
            let grad = &mut grad[first - start..][..len];
            let output = saved.output.get(first..first + len).unwrap_or_default();
            let entry = if channel < base { channel + channels - base } else { channel - base };
            match class {
                Channel::Derived => {
                    let source = Source::<SignOfOutput, T> { words: &[], at: 0, output };
                    along(plan, channel, source, grad, entry, row);
                }
                Channel::Encoded => {
                    let source = Source::<C, T> { words: saved.words, at: word, output };
                    along(plan, channel, source, grad, entry, row);
                    word += len;
                }
                Channel::Kept => {
                    let source = Source::<Identity, T> { words: saved.kept, at: keep, output };
                    along(plan, channel, source, grad, entry, row);
                    keep += len;
                }
            }
        });
    }
}

/// One segment: its slopes one value or a table, its sums one entry of the row, all, or none.
#[inline(always)]
fn along<C: Codec<T>, D: Codec<T>, T: Element>(
    plan: &Plan<C, T>,
    channel: usize,
    source: Source<'_, D, T>,
    grad: &mut [T],
    entry: usize,
    row: &mut [T::Accumulator],
) {
    let columns = || Cyclic::new(plan.cyclic_slopes(), plan.slopes().len(), channel);
    let single = || Single(plan.slopes()[channel].widen());
    match (plan.by_slope().inner() == 1, plan.is_learned()) {
        (true, true) => chunks(
            source,
            grad,
            columns(),
            &mut Columns { row, first: channel, channels: plan.slopes().len() },
        ),
        (true, false) => chunks(source, grad, columns(), &mut NoSum),
        (false, true) => {
            let mut run = Run::<T>([T::Accumulator::default(); LANES]);
            chunks(source, grad, single(), &mut run);
            row[entry].merge(run.fold());
        }
        (false, false) => chunks(source, grad, single(), &mut NoSum),
    }
}

/// Where a segment's signs and bases come from.
struct Source<'a, D: Codec<T>, T: Element> {
    words: &'a [D::Word],
    /// The segment's first element among those `words` are for.
    at: usize,
    /// The segment's outputs, or empty where they are not needed.
    output: &'a [T],
}

#[inline(always)]
fn chunks<D: Codec<T>, T: Element>(
    source: Source<'_, D, T>,
    grad: &mut [T],
    mut slopes: impl SlopeSource<T>,
    sums: &mut impl Sums<T>,
) {
    let mut done = 0;
    let mut whole = grad.chunks_exact_mut(CHUNK);
    for grad in &mut whole {
        pass(CHUNK, &source, done, grad, &slopes, sums);
        slopes.advance(CHUNK);
        done += CHUNK;
    }
    let rest = whole.into_remainder();
    if !rest.is_empty() {
        pass(rest.len(), &source, done, rest, &slopes, sums);
    }
}

/// `len` elements; a constant for whole chunks, once this is inlined.
#[inline(always)]
fn pass<D: Codec<T>, T: Element>(
    len: usize,
    source: &Source<'_, D, T>,
    done: usize,
    grad: &mut [T],
    slopes: &impl SlopeSource<T>,
    sums: &mut impl Sums<T>,
) {
    let mut outputs = [T::default(); CHUNK];
    if let Some(output) = source.output.get(done..done + len) {
        outputs[..len].copy_from_slice(output);
    }
    let lanes = D::lanes(source.words, source.at + done, len);
    let mut basis = [T::default(); CHUNK];
    let mut positive = [false; CHUNK];
    for lane in 0..len {
        let decoded = D::decode(lanes, lane, outputs[lane]);
        positive[lane] = decoded.positive;
        basis[lane] = decoded.basis;
    }
    let (mut wide_basis, mut wide) = ([T::Wide::ZERO; CHUNK], [T::Wide::ZERO; CHUNK]);
    T::widen_slice(&basis[..len], &mut wide_basis[..len]);
    T::widen_slice(&grad[..len], &mut wide[..len]);
    sums.add(len, &positive, &wide, &wide_basis);
    for lane in 0..len {
        let factor = if positive[lane] { T::Wide::ONE } else { slopes.slope(lane) };
        wide[lane] = wide[lane] * factor;
    }
    T::narrow_slice(&wide[..len], &mut grad[..len]);
}

/// Sums of `g * basis` over the elements that are not positive.
trait Sums<T: Element> {
    /// The first `len` elements of a chunk. Chunks come in order.
    fn add(
        &mut self,
        len: usize,
        positive: &[bool; CHUNK],
        grad: &[T::Wide; CHUNK],
        basis: &[T::Wide; CHUNK],
    );
}

/// Frozen slopes owe no gradient.
struct NoSum;

impl<T: Element> Sums<T> for NoSum {
    #[inline(always)]
    fn add(&mut self, _: usize, _: &[bool; CHUNK], _: &[T::Wide; CHUNK], _: &[T::Wide; CHUNK]) {}
}

/// One sum for the whole segment.
struct Run<T: Element>([T::Accumulator; LANES]);

impl<T: Element> Sums<T> for Run<T> {
    #[inline(always)]
    fn add(
        &mut self,
        len: usize,
        positive: &[bool; CHUNK],
        grad: &[T::Wide; CHUNK],
        basis: &[T::Wide; CHUNK],
    ) {
        let mut sums = self.0;
        let whole = len - len % LANES;
        for first in (0..whole).step_by(LANES) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                let at = first + lane;
                sum.add_product_if(!positive[at], grad[at], basis[at]);
            }
        }
        for at in whole..len {
            sums[at % LANES].add_product_if(!positive[at], grad[at], basis[at]);
        }
        self.0 = sums;
    }
}

impl<T: Element> Run<T> {
    #[inline(always)]
    fn fold(mut self) -> T::Accumulator {
        for half in [4, 2, 1] {
            for lane in 0..half {
                let other = self.0[lane + half];
                self.0[lane].merge(other);
            }
        }
        self.0[0]
    }
}

/// A sum per channel, in a row that repeats the first channels behind the last.
struct Columns<'a, A> {
    row: &'a mut [A],
    first: usize,
    channels: usize,
}

impl<T: Element> Sums<T> for Columns<'_, T::Accumulator> {
    #[inline(always)]
    fn add(
        &mut self,
        len: usize,
        positive: &[bool; CHUNK],
        grad: &[T::Wide; CHUNK],
        basis: &[T::Wide; CHUNK],
    ) {
        let sums = &mut self.row[self.first..][..len];
        for (at, sum) in sums.iter_mut().enumerate() {
            sum.add_product_if(!positive[at], grad[at], basis[at]);
        }
        self.first = (self.first + len) % self.channels;
    }
}
