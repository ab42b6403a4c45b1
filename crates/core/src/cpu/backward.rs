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
//! the plan alone; (3) where channels are the fastest axis, every column has its own sum.

use std::ops::Range;

use super::Cpu;
use super::blocks::Blocks;
use super::partials::first_channel;
use super::segments::{Segment, Segments};
use super::simd::Task;
use super::slope_source::{Cyclic, Single, SlopeSource, next};
use crate::accumulator::Accumulator;
use crate::codec::{CHUNK, Channel, Codec, Decoded, Identity, SignOfOutput};
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
        for segment in Segments::new(plan, start..start + grad.len()) {
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
        }
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
    let channels = plan.slopes().len();
    let columns = Cyclic::new(plan.cyclic_slopes(), channels, channel);
    let single = Single(plan.slopes()[channel].widen());
    match (plan.by_slope().inner() == 1, plan.is_learned()) {
        (true, true) => {
            chunks(source, grad, columns, &mut Columns { row, first: channel, channels });
        }
        (true, false) => chunks(source, grad, columns, &mut NoSum),
        (false, true) => {
            let mut run = Run::default();
            chunks(source, grad, single, &mut run);
            row[entry].merge(run.fold::<T>());
        }
        (false, false) => chunks(source, grad, single, &mut NoSum),
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
    mut slopes: impl SlopeSource<T::Wide>,
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
    slopes: &impl SlopeSource<T::Wide>,
    sums: &mut impl Sums<T>,
) {
    let unread = [T::default(); CHUNK];
    let outputs = source.output.get(done..done + len).unwrap_or(&unread[..len]);
    let chunk = Chunk::<D, T> { lanes: D::lanes(source.words, source.at + done, len), outputs };
    let grad = &mut grad[..len];
    sums.add(len, grad, &chunk);
    let slope = slopes.chunk();
    for (lane, g) in grad.iter_mut().enumerate() {
        let factor = if chunk.decode(lane).positive { T::Wide::ONE } else { slope(lane) };
        *g = T::narrow(g.widen() * factor);
    }
}

/// A chunk's words and outputs.
pub(super) struct Chunk<'a, D: Codec<T>, T: Element> {
    pub(super) lanes: D::Lanes<'a>,
    pub(super) outputs: &'a [T],
}

impl<D: Codec<T>, T: Element> Chunk<'_, D, T> {
    #[inline(always)]
    fn decode(&self, lane: usize) -> Decoded<T> {
        D::decode(self.lanes, lane, self.outputs[lane])
    }

    /// `g * basis` by element, or 0 where positive, and 0 behind `len`.
    #[inline(always)]
    fn terms(&self, len: usize, grad: &[T]) -> [f64; CHUNK] {
        let mut terms = [0.0; CHUNK];
        for (lane, (term, g)) in terms[..len].iter_mut().zip(grad).enumerate() {
            let Decoded { positive, basis } = self.decode(lane);
            let product = T::Accumulator::product(g.widen(), basis.widen());
            *term = if positive { 0.0 } else { product };
        }
        terms
    }
}

/// Sums of `g * basis` over the elements that are not positive.
pub(super) trait Sums<T: Element> {
    /// The first `len` elements of a chunk. Chunks come in order.
    fn add<D: Codec<T>>(&mut self, len: usize, grad: &[T], chunk: &Chunk<'_, D, T>);
}

/// Frozen slopes owe no gradient.
pub(super) struct NoSum;

impl<T: Element> Sums<T> for NoSum {
    #[inline(always)]
    fn add<D: Codec<T>>(&mut self, _: usize, _: &[T], _: &Chunk<'_, D, T>) {}
}

/// One sum for the whole segment, in lanes.
#[derive(Default)]
pub(super) struct Run {
    sums: [f64; LANES],
    lost: [f64; LANES],
}

impl<T: Element> Sums<T> for Run {
    #[inline(always)]
    fn add<D: Codec<T>>(&mut self, len: usize, grad: &[T], chunk: &Chunk<'_, D, T>) {
        let terms = chunk.terms(len, grad);
        // A short chunk's missing terms are zeroes.
        let (rows, _) = terms[..len.next_multiple_of(LANES)].as_chunks::<LANES>();
        for row in rows {
            for (lane, &term) in row.iter().enumerate() {
                T::Accumulator::add(&mut self.sums[lane], &mut self.lost[lane], term);
            }
        }
    }
}

impl Run {
    #[inline(always)]
    pub(super) fn fold<T: Element>(&self) -> T::Accumulator {
        let lane = |lane: usize| T::Accumulator::from_parts(self.sums[lane], self.lost[lane]);
        let mut lanes: [T::Accumulator; LANES] = std::array::from_fn(lane);
        for half in [4, 2, 1] {
            for lane in 0..half {
                let other = lanes[lane + half];
                lanes[lane].merge(other);
            }
        }
        lanes[0]
    }
}

/// A sum per channel, in a row that repeats the first channels behind the last.
pub(super) struct Columns<'a, A> {
    pub(super) row: &'a mut [A],
    pub(super) first: usize,
    pub(super) channels: usize,
}

impl<T: Element> Sums<T> for Columns<'_, T::Accumulator> {
    #[inline(always)]
    fn add<D: Codec<T>>(&mut self, len: usize, grad: &[T], chunk: &Chunk<'_, D, T>) {
        let terms = chunk.terms(len, grad);
        let sums = &mut self.row[self.first..self.first + len];
        for (sum, &term) in sums.iter_mut().zip(&terms) {
            sum.add_term(term);
        }
        self.first = next(self.first, len, self.channels);
    }
}
