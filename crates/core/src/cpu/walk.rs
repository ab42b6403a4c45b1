//! One block's backward, wherever the gradients lie.
//!
//! ```text
//! for each run of it, in chunks:
//!     partial[channel] += g * basis where not positive
//!     dx = g * (1 if positive else slope)
//! ```
//!
//! Departures: (1) a block goes in chunks of 64 whatever its channels' runs; a run's sum is kept in 16
//! lanes, element `j` of a chunk in lane `j % 16` (two-byte types in fours: `vectors::half_sums`), and folded in
//! halves at its end, so that the order of additions depends on the plan alone; where the rest of a chunk costs no more
//! than its elements, or classes change from run to run, chunks begin with runs; (2) short runs go many to a chunk,
//! with their slopes in a table, and are summed term by term; (3) where channels are the fastest axis, every
//! column of a period has its own sum ([`super::columns`]); (4) between [`Level::run`](super::Level::run) and the innermost loops there is no
//! closure: one that is not inlined is compiled without the level's instructions; (5) where tensors are not near, a chunk
//! asks for what comes some way after it ([`Vectors::look_ahead`]), but where classes change within it.

use super::frame::Frame;
use super::origin::Origin;
use super::runs::{Runs, SHORT};
use super::simd::Task;
use crate::codec::{CHUNK, Codec};
use crate::element::Element;
use crate::plan::Plan;
use crate::vectors::{ByRun, Lanes, Piece, RunSums, Single, Table, Vectors, lowest, terms};

/// Where a chunk lies: its first element in the block and, where channels are the fastest axis, its row
/// of a [`Plan::period`](crate::Plan::period) and its column there.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) done: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Spot {
    /// A chunk of a block in runs.
    #[inline(always)]
    pub(super) fn at(done: usize) -> Self {
        Spot { done, row: 0, column: 0 }
    }

    /// Moves on by `len` elements, at most to the end of the row.
    #[inline(always)]
    pub(super) fn advance(&mut self, len: usize, period: usize) {
        self.done += len;
        self.column += len;
        if self.column == period {
            (self.row, self.column) = (self.row + 1, 0);
        }
    }
}

/// Where classes change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Classed {
    /// Nowhere.
    Whole,
    /// Between runs that are not [`SHORT`].
    ByRun,
    /// Within chunks.
    InChunk,
}

impl Classed {
    #[inline(always)]
    pub(super) fn of<C: Codec<T>, T: Element>(plan: &Plan<C, T>) -> Self {
        if plan.is_uniform() {
            Classed::Whole
        } else if plan.by_slope().inner() < SHORT {
            Classed::InChunk
        } else {
            Classed::ByRun
        }
    }
}

/// What a block's backward reads and writes.
pub(super) trait Operands<T: Element> {
    /// A few elements of it.
    type Chunk<'c>: Chunk<T>
    where
        Self: 'c;

    /// Where its classes change.
    const CLASSED: Classed = Classed::Whole;

    /// Its elements.
    fn len(&self) -> usize;

    /// `len` elements of it, at most [`CHUNK`].
    fn chunk<V: Vectors>(&mut self, vectors: V, spot: Spot, len: usize) -> Self::Chunk<'_>;
}

/// A chunk's elements.
pub(super) trait Chunk<T: Element> {
    /// Bit `i` tells whether the pre-activation of element `i` was positive; anything where the piece's basis tells
    /// ([`Piece::signs`]).
    fn bits(&self) -> u64;
    /// The gradients, and what the slope gradient is summed over.
    fn piece(&mut self) -> Piece<'_, T>;
}

/// One block, as a task of its own: the same code for every codec with such operands.
pub(super) struct Walk<'a, O, T: Element> {
    pub(super) frame: Frame<'a, T>,
    pub(super) origin: Origin,
    pub(super) operands: O,
    /// The block's partial sums; the first is for the channel that the block begins in.
    pub(super) row: &'a mut [T::Accumulator],
}

impl<O: Operands<T>, T: Element> Task for Walk<'_, O, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        if O::CLASSED == Classed::ByRun {
            self.one_by_one(vectors);
        } else if self.frame.inner == 1 {
            if self.frame.learned {
                self.columns(vectors);
            } else {
                self.frozen_columns(vectors);
            }
        } else if self.frame.inner < SHORT {
            self.short_runs(vectors);
        } else if O::CLASSED == Classed::InChunk {
            unreachable!("runs of {SHORT} and more are not mixed within chunks");
        } else if vectors.has_cheap_rests::<T>() {
            self.one_by_one(vectors);
        } else {
            self.runs(vectors);
        }
    }
}

impl<'a, O: Operands<T>, T: Element> Walk<'a, O, T> {
    /// ```text
    /// until the end:
    ///     chunks within a run:    sum and propagate with one slope
    ///     a chunk over its end:   the same, with a slope and a sum by run
    /// ```
    #[inline(always)]
    fn runs<V: Vectors>(mut self, vectors: V) {
        let learned = self.frame.learned;
        let (mut runs, all) = (self.all_runs(), self.operands.len());
        let mut sums = RunSums::new(self.row, self.frame.slopes.len());
        let mut done = 0;
        while done < all {
            let within = runs.left.min(all - done) / CHUNK * CHUNK;
            if within > 0 {
                let (slope, end) = (Single(runs.slope()), done + within);
                while done < end {
                    let chunk = self.operands.chunk(vectors, Spot::at(done), CHUNK);
                    within_run(vectors, chunk, &slope, learned, &mut sums.lanes);
                    done += CHUNK;
                }
                if runs.advance(within) && learned {
                    sums.close::<T, V>(vectors);
                }
            } else if done + CHUNK <= all {
                let slopes = runs.next(CHUNK);
                let mut chunk = self.operands.chunk(vectors, Spot::at(done), CHUNK);
                over_ends(vectors, &mut chunk, &slopes, learned, &mut sums);
                done += CHUNK;
            } else {
                let slopes = runs.next(all - done);
                let mut chunk = self.operands.chunk(vectors, Spot::at(done), all - done);
                over_ends(vectors, &mut chunk, &slopes, learned, &mut sums);
                done = all;
            }
        }
        if learned && runs.begun() {
            sums.close::<T, V>(vectors);
        }
    }

    /// ```text
    /// for each run:  for each chunk of it:  sum and propagate
    ///                its sum to its entry
    /// ```
    /// The lanes are those of [`Walk::runs`], rotated by the run's first place: each has the same terms in the same
    /// order, and which of two lanes is added to the other makes no difference. Two-byte types, whose fours depend on
    /// where chunks begin, come here only where classes change from run to run, and then at every level.
    #[inline(always)]
    fn one_by_one<V: Vectors>(mut self, vectors: V) {
        let learned = self.frame.learned;
        let (mut runs, len) = (self.all_runs(), self.operands.len());
        let mut sums = RunSums::new(self.row, self.frame.slopes.len());
        let mut done = 0;
        while done < len {
            let end = done + runs.left.min(len - done);
            let (slope, run) = (Single(runs.slope()), end - done);
            while done < end {
                let (spot, len) = (Spot::at(done), CHUNK.min(end - done));
                if vectors.unrolls::<T>() && len == CHUNK {
                    let chunk = self.operands.chunk(vectors, spot, CHUNK);
                    within_run(vectors, chunk, &slope, learned, &mut sums.lanes);
                } else {
                    let chunk = self.operands.chunk(vectors, spot, len);
                    within_run(vectors, chunk, &slope, learned, &mut sums.lanes);
                }
                done += len;
            }
            runs.advance(run);
            if learned {
                sums.close::<T, V>(vectors);
            }
        }
    }

    /// ```text
    /// for each chunk:  for each run's part of it:  sum term by term
    ///                  propagate with a slope per element
    /// ```
    #[inline(always)]
    fn short_runs<V: Vectors>(mut self, vectors: V) {
        let learned = self.frame.learned;
        let (mut runs, all) = (self.all_runs(), self.operands.len());
        let mut sums = RunSums::new(self.row, self.frame.slopes.len());
        let mut done = 0;
        while done < all {
            let len = CHUNK.min(all - done);
            let mut chunk = self.operands.chunk(vectors, Spot::at(done), len);
            let bits = chunk.bits();
            if learned {
                let piece = chunk.piece();
                let signs = piece.signs(vectors, bits);
                let (g, basis) = (piece.upstream(), piece.basis());
                let which = !signs & lowest(len);
                let terms = terms::<T>(&vectors.widen(&g), &vectors.widen(&basis), which);
                let mut pieces = runs;
                let mut from = 0;
                while from < len {
                    let to = (from + pieces.left).min(len);
                    sums.add_terms(&terms[from..to]);
                    if pieces.advance(to - from) {
                        sums.close_short();
                    }
                    from = to;
                }
            }
            let slopes = runs.table(len);
            vectors.propagate(&mut chunk.piece(), bits, &Table(&slopes));
            done += len;
        }
        if learned && runs.begun() {
            sums.close_short();
        }
    }

    #[inline(always)]
    fn all_runs(&self) -> Runs<'a, T::Wide> {
        Runs::new(self.frame, self.origin)
    }
}

/// A chunk of one run.
#[inline(always)]
fn within_run<T: Element, V: Vectors>(
    vectors: V,
    mut chunk: impl Chunk<T>,
    slope: &Single<T::Wide>,
    learned: bool,
    lanes: &mut Lanes,
) {
    let bits = chunk.bits();
    if learned {
        vectors.backward(&mut chunk.piece(), bits, slope, lanes);
    } else {
        vectors.propagate(&mut chunk.piece(), bits, slope);
    }
}

/// A chunk in which runs may end.
#[inline(always)]
fn over_ends<T: Element, V: Vectors>(
    vectors: V,
    chunk: &mut impl Chunk<T>,
    slopes: &ByRun<T::Wide>,
    learned: bool,
    sums: &mut RunSums<'_, T::Accumulator>,
) {
    let bits = chunk.bits();
    if learned {
        vectors.backward_over_ends(&mut chunk.piece(), bits, slopes, sums);
    } else {
        vectors.propagate(&mut chunk.piece(), bits, slopes);
    }
}
