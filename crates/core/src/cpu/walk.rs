//! One segment's backward, wherever the gradients lie.
//!
//! ```text
//! for each chunk of the segment:
//!     terms = g * basis, or 0 where positive
//!     partial[channel] += its terms
//!     dx = g * (1 if positive else slope)
//! ```
//!
//! Departures: (1) chunks are of 64 elements whatever the runs; one that reaches into the next runs
//! has its slopes in a table and its terms added piece by piece; (2) a long run's sum is kept in
//! eight lanes, element `j` of a chunk in lane `j % 8`, folded in halves at its end: the order of
//! additions depends on the plan alone; (3) where channels are the fastest axis, every column has
//! its own sum; (4) between [`Level::run`](super::Level::run) and the innermost loops there is no
//! closure: one that is not inlined is compiled without the level's instructions.

use std::ops::Range;

use super::frame::Frame;
use super::runs::Runs;
use super::segments::Segment;
use super::simd::Task;
use super::slope_source::{Cyclic, Single, SlopeSource};
use super::sums::{Columns, Products, RunSums};
use crate::codec::CHUNK;
use crate::element::{Element, Wide};
use crate::vectors::{Vectors, bit, load, lowest, store};

/// What a segment's backward reads and writes.
pub(super) trait Operands<T: Element> {
    /// A few elements of it.
    type Chunk<'c>: Chunk<T>
    where
        Self: 'c;

    /// Its elements.
    fn len(&self) -> usize;

    /// Elements `done .. done + len` of it, at most [`CHUNK`].
    fn chunk<V: Vectors>(&mut self, vectors: V, done: usize, len: usize) -> Self::Chunk<'_>;
}

/// A chunk's elements.
pub(super) trait Chunk<T: Element> {
    /// Bit `i` tells whether the pre-activation of element `i` was positive.
    fn signs(&self) -> u64;
    /// What the slope gradient is summed over.
    fn basis(&self) -> &[T];
    /// The upstream gradient.
    fn upstream(&self) -> &[T];
    /// The input gradient, in place of one of those before.
    fn input_gradient(&mut self) -> &mut [T];
}

/// One segment, as a task of its own: the same code for every codec with such operands.
pub(super) struct Walk<'a, O, T: Element> {
    pub(super) frame: Frame<'a, T>,
    pub(super) segment: Segment,
    pub(super) operands: O,
    /// The block's partial sums; the first is for channel `first`.
    pub(super) row: &'a mut [T::Accumulator],
    pub(super) first: usize,
}

impl<O: Operands<T>, T: Element> Task for Walk<'_, O, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let Walk { frame, segment, operands, row, first } = self;
        let Segment { channel, left, .. } = segment;
        let channels = frame.slopes.len();
        if frame.inner == 1 {
            let slopes = Cyclic::new(frame.cyclic_slopes, channels, channel);
            let sums = Columns::new(row, channel, channels);
            if frame.learned {
                columns::<true, O, T, V>(vectors, operands, slopes, sums);
            } else {
                columns::<false, O, T, V>(vectors, operands, slopes, sums);
            }
            return;
        }
        let from = Runs::new(frame, channel, left);
        let entry = if channel < first { channel + channels - first } else { channel - first };
        let sums = RunSums::new(row, entry, channels, from.short());
        if frame.learned {
            runs::<true, O, T, V>(vectors, operands, from, sums);
        } else {
            runs::<false, O, T, V>(vectors, operands, from, sums);
        }
    }
}

/// Channels are the fastest axis.
#[inline(always)]
fn columns<const LEARNED: bool, O: Operands<T>, T: Element, V: Vectors>(
    vectors: V,
    mut operands: O,
    mut slopes: Cyclic<'_, T::Wide>,
    mut sums: Columns<'_, T::Accumulator>,
) {
    let mut done = 0;
    while done < operands.len() {
        let len = CHUNK.min(operands.len() - done);
        let mut chunk = operands.chunk(vectors, done, len);
        if LEARNED {
            sums.add::<T, V>(vectors, &products(vectors, len, &chunk), len);
        }
        propagate(vectors, &mut chunk, &slopes);
        slopes.advance(len);
        done += len;
    }
}

/// ```text
/// until the end:
///     chunks within a run:      one slope, one sum
///     a chunk over its end:     a slope per element, a sum per run
/// ```
#[inline(always)]
fn runs<const LEARNED: bool, O: Operands<T>, T: Element, V: Vectors>(
    vectors: V,
    mut operands: O,
    mut runs: Runs<'_, T>,
    mut sums: RunSums<'_, T::Accumulator>,
) {
    let mut done = 0;
    while done < operands.len() {
        let rest = operands.len() - done;
        let within = runs.left.min(rest) / CHUNK * CHUNK;
        if within == 0 {
            let len = CHUNK.min(rest);
            over_the_end::<LEARNED, O, T, V>(
                vectors,
                done..done + len,
                &mut operands,
                &mut runs,
                &mut sums,
            );
            done += len;
            continue;
        }
        let slope = Single(runs.slope());
        for _ in 0..within / CHUNK {
            let mut chunk = operands.chunk(vectors, done, CHUNK);
            if LEARNED {
                sums.add::<T, V>(vectors, &products(vectors, CHUNK, &chunk));
            }
            propagate(vectors, &mut chunk, &slope);
            done += CHUNK;
        }
        if runs.advance(within) && LEARNED {
            sums.close();
        }
    }
    if LEARNED && runs.begun() {
        sums.close();
    }
}

/// A chunk over the ends of runs.
#[inline(always)]
fn over_the_end<const LEARNED: bool, O: Operands<T>, T: Element, V: Vectors>(
    vectors: V,
    range: Range<usize>,
    operands: &mut O,
    runs: &mut Runs<'_, T>,
    sums: &mut RunSums<'_, T::Accumulator>,
) {
    let len = range.len();
    let mut chunk = operands.chunk(vectors, range.start, len);
    if LEARNED {
        let terms = products(vectors, len, &chunk).terms::<T::Accumulator>();
        let mut pieces = *runs;
        let mut from = 0;
        while from < len {
            let to = (from + pieces.left).min(len);
            if runs.short() {
                sums.add_terms(&terms[from..to]);
            } else {
                sums.add_piece::<T, V>(vectors, &terms, lowest(to) & !lowest(from));
            }
            if pieces.advance(to - from) {
                sums.close();
            }
            from = to;
        }
    }
    propagate(vectors, &mut chunk, &runs.table(len));
}

/// What is to be summed of a chunk of `len` elements: those that are not positive.
#[inline(always)]
fn products<T: Element, V: Vectors>(
    vectors: V,
    len: usize,
    chunk: &impl Chunk<T>,
) -> Products<T::Wide> {
    Products {
        g: vectors.widen(&load(chunk.upstream())),
        basis: vectors.widen(&load(chunk.basis())),
        which: !chunk.signs() & lowest(len),
    }
}

/// The input gradient of a chunk.
#[inline(always)]
fn propagate<T: Element, V: Vectors>(
    vectors: V,
    chunk: &mut impl Chunk<T>,
    slopes: &impl SlopeSource<T::Wide>,
) {
    let (slope, signs) = (slopes.chunk(), chunk.signs());
    let mut wide = vectors.widen(&load(chunk.upstream()));
    for (lane, g) in wide.iter_mut().enumerate() {
        *g = *g * if bit(signs, lane) { T::Wide::ONE } else { slope(lane) };
    }
    store(vectors.narrow(wide), chunk.input_gradient());
}
