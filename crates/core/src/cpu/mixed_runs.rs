//! Classes that change from run to run.
//!
//! ```text
//! for each run:
//!     forward:   words or kept take it, by its channel's class
//!     backward:  its signs and its basis come from there, or from the output
//! ```
//!
//! Departure: chunks begin with runs, so that none has two classes; what is saved lies at any bit.

use super::backward::{InPlaceChunk, Saved};
use super::forward::pass;
use super::origin::Origin;
use super::runs::Runs;
use super::simd::Task;
use super::slope_source::next;
use super::walk::{Classed, Operands, Spot};
use crate::codec::{CHUNK, Channel, Codec, Identity, SignOfOutput};
use crate::element::Element;
use crate::plan::Plan;
use crate::vectors::{Single, Vectors, prefetch};

/// How many elements ahead a run's reads are announced: a quarter of a microsecond, longer than memory takes.
const AHEAD: usize = 1024;

/// The shortest run that is announced, in bytes: with shorter ones a Zen 4's own prefetching gets along, and these
/// requests only delay it (`docs/decisions/0013-speed-of-memory.md`).
const RUN: usize = 512;

/// The class of the run at hand, and of those that follow it.
#[derive(Clone, Copy)]
pub(super) struct ClassRuns<'a> {
    classes: &'a [Channel],
    inner: usize,
    channel: usize,
    /// Elements of the run that are still to come; never 0.
    left: usize,
}

impl<'a> ClassRuns<'a> {
    #[inline(always)]
    pub(super) fn new<C: Codec<T>, T: Element>(plan: &'a Plan<C, T>, origin: Origin) -> Self {
        let Origin { channel, left } = origin;
        ClassRuns { classes: plan.classes(), inner: plan.by_slope().inner(), channel, left }
    }

    /// The class of the next `len` elements, which are of one run; and moves past them.
    #[inline(always)]
    fn advance(&mut self, len: usize) -> Channel {
        let class = self.classes[self.channel];
        self.left -= len;
        if self.left == 0 {
            self.left = self.inner;
            self.channel = next(self.channel, 1, self.classes.len());
        }
        class
    }
}

/// Forward of a block; words and kept elements begin with it.
pub(super) struct SaveRuns<'a, C: Codec<T>, T: Element> {
    pub(super) runs: Runs<'a, T::Wide>,
    /// By channel.
    pub(super) classes: &'a [Channel],
    pub(super) x: &'a mut [T],
    pub(super) words: &'a mut [C::Word],
    pub(super) kept: &'a mut [T],
}

impl<C: Codec<T>, T: Element> Task for SaveRuns<'_, C, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let SaveRuns { mut runs, classes, mut x, words, kept } = self;
        let (mut word, mut keep) = (0, 0);
        while !x.is_empty() {
            let len = runs.left.min(x.len());
            let (run, rest) = x.split_at_mut(len);
            let slope = Single(runs.slope());
            match classes[runs.channel] {
                Channel::Derived => save::<SignOfOutput, T, V>(vectors, run, slope, &mut [], 0),
                Channel::Encoded => {
                    save::<C, T, V>(vectors, run, slope, words, word);
                    word += len;
                }
                Channel::Kept => {
                    save::<Identity, T, V>(vectors, run, slope, kept, keep);
                    keep += len;
                }
            }
            runs.advance(len);
            x = rest;
        }
        vectors.finish_saving();
    }
}

/// Saves and activates one run.
#[inline(always)]
fn save<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    run: &mut [T],
    slope: Single<T::Wide>,
    words: &mut [D::Word],
    mut at: usize,
) {
    let mut chunks = run.chunks_exact_mut(CHUNK);
    for x in &mut chunks {
        pass::<D, T, V>(vectors, &mut x[..CHUNK], &slope, words, at);
        at += CHUNK;
    }
    let rest = chunks.into_remainder();
    if !rest.is_empty() {
        pass::<D, T, V>(vectors, rest, &slope, words, at);
    }
}

/// The first run that is [`AHEAD`] of the chunk at hand and more.
struct Ahead<'a> {
    classes: ClassRuns<'a>,
    /// Its first element, and the first kept one from it on.
    at: usize,
    keep: usize,
    /// Whether the run before it is kept.
    after_kept: bool,
}

/// The input gradient overwrites the upstream one.
pub(super) struct RunsInPlace<'a, C: Codec<T>, T: Element> {
    classes: ClassRuns<'a>,
    ahead: Ahead<'a>,
    saved: Saved<'a, C::Word, T>,
    /// Encoded and kept elements before the one at hand, from wherever the saved ones begin.
    before: [usize; 2],
    grad: &'a mut [T],
}

impl<'a, C: Codec<T>, T: Element> RunsInPlace<'a, C, T> {
    /// With the outputs of these elements alone, or none, and with all that is saved, `before` encoded and kept
    /// elements of which are for those before them.
    #[inline(always)]
    pub(super) fn new(
        classes: ClassRuns<'a>,
        saved: Saved<'a, C::Word, T>,
        before: [usize; 2],
        grad: &'a mut [T],
    ) -> Self {
        let ahead = Ahead { classes, at: 0, keep: before[1], after_kept: false };
        RunsInPlace { classes, ahead, saved, before, grad }
    }

    /// Announces what a later run reads: kept runs skip the output, and all others what is kept, so that neither is
    /// read evenly.
    #[inline(always)]
    fn announce(&mut self) {
        let Ahead { classes, at, keep, after_kept } = &mut self.ahead;
        let len = classes.left;
        let kept = classes.advance(len) == Channel::Kept;
        if len * size_of::<T>() >= RUN {
            if kept {
                prefetch(self.saved.kept, *keep, len);
            } else if *after_kept {
                prefetch(self.saved.output, *at, len);
            }
        }
        *keep += if kept { len } else { 0 };
        (*at, *after_kept) = (*at + len, kept);
    }
}

impl<C: Codec<T>, T: Element> Operands<T> for RunsInPlace<'_, C, T> {
    type Chunk<'c>
        = InPlaceChunk<'c, T>
    where
        Self: 'c;

    const CLASSED: Classed = Classed::ByRun;

    #[inline(always)]
    fn len(&self) -> usize {
        self.grad.len()
    }

    /// Chunks are asked for in order, without gaps, and none reaches over the end of a run.
    #[inline(always)]
    fn chunk<V: Vectors>(&mut self, vectors: V, spot: Spot, len: usize) -> InPlaceChunk<'_, T> {
        while self.ahead.at < spot.done + AHEAD {
            self.announce();
        }
        let place = spot.done..spot.done + len;
        let output = self.saved.output.get(place.clone()).unwrap_or_default();
        let grad = &mut self.grad[place];
        let [word, keep] = self.before;
        let (signs, basis) = match self.classes.advance(len) {
            Channel::Derived => (SignOfOutput::signs(vectors, &[], 0, len, output), output),
            Channel::Encoded => {
                self.before[0] += len;
                let signs = C::signs(vectors, self.saved.words, word, len, output);
                (signs, C::basis(self.saved.words, word, len, output))
            }
            Channel::Kept => {
                self.before[1] += len;
                let kept = &self.saved.kept[keep..keep + len];
                (vectors.signs(kept), kept)
            }
        };
        vectors.look_ahead([basis, &*grad]);
        InPlaceChunk { signs, basis, compared: false, grad }
    }
}
