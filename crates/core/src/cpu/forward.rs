//! Forward: one pass that saves and overwrites.
//!
//! ```text
//! for each block, in parallel:
//!     for each segment of the block:
//!         derived:  save nothing
//!         encoded:  words = codec.encode(x)
//!         kept:     kept  = x
//!         x = x * (1 if x > 0 else slope)
//! ```
//!
//! Departures: (1) a segment goes in chunks of 64 whatever its channels' runs, so that a bit mask's
//! word is packed from registers and whole; (2) the factor is selected and multiplied, never the product blended, which LLVM
//! would turn into masked stores; (3) between [`Level::run`](super::Level::run) and the innermost
//! loops there is no closure: one that is not inlined is compiled without the level's instructions.

use std::ops::Range;

use super::Cpu;
use super::blocks::Blocks;
use super::mixed::{Classes, is_mixed};
use super::runs::Runs;
use super::segments::{Segment, Segments};
use super::simd::Task;
use super::slope_source::{Cyclic, Single, SlopeSource};
use crate::codec::{CHUNK, Channel, Codec, Identity, SignOfOutput};
use crate::element::{Element, Wide};
use crate::plan::Plan;
use crate::vectors::{Vectors, load, store};

/// Saved bytes from which on a saved state is taken to be larger than the caches: no processor's last
/// level is much larger, and a backward pass comes long after.
const CACHES: usize = 32 << 20;

/// Runs the blocks of the whole tensor.
pub(super) fn forward<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    x: &mut [T],
    words: &mut [C::Word],
    kept: &mut [T],
) {
    let blocks = Blocks::of(plan);
    split(cpu, plan, blocks, 0..blocks.count, x, words, kept);
}

/// Halves a range of blocks until it is one. The slices are the range's own.
fn split<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    blocks: Blocks,
    range: Range<usize>,
    x: &mut [T],
    words: &mut [C::Word],
    kept: &mut [T],
) {
    let start = blocks.start(plan, range.start);
    if range.len() <= 1 {
        let saved = plan.words() * size_of::<C::Word>() + plan.kept_elements() * size_of::<T>();
        cpu.level.run(Block { plan, start, x, words, kept }, saved >= CACHES);
        return;
    }
    let middle = range.start + range.len() / 2;
    let cut = blocks.start(plan, middle);
    let word = |position: usize| plan.encoded_before(position).div_ceil(C::LANES);
    let (x_left, x_right) = x.split_at_mut(cut - start);
    let (words_left, words_right) = words.split_at_mut(word(cut) - word(start));
    let (kept_left, kept_right) =
        kept.split_at_mut(plan.kept_before(cut) - plan.kept_before(start));
    cpu.fork(
        || split(cpu, plan, blocks, range.start..middle, x_left, words_left, kept_left),
        || split(cpu, plan, blocks, middle..range.end, x_right, words_right, kept_right),
    );
}

struct Block<'a, C: Codec<T>, T: Element> {
    plan: &'a Plan<C, T>,
    start: usize,
    x: &'a mut [T],
    words: &'a mut [C::Word],
    kept: &'a mut [T],
}

impl<C: Codec<T>, T: Element> Task for Block<'_, C, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let Block { plan, start, x, words, kept } = self;
        if is_mixed(plan) && !x.is_empty() {
            mixed(vectors, plan, start, x, words, kept);
            return vectors.finish_saving();
        }
        let (mut word, mut keep) = (0, 0);
        for segment in Segments::new(plan, start..start + x.len()) {
            let Segment { class, start: first, len, .. } = segment;
            let x = &mut x[first - start..][..len];
            match class {
                Channel::Derived => {
                    along::<SignOfOutput, C, T, V>(vectors, plan, segment, x, &mut [], 0);
                }
                Channel::Encoded => {
                    along::<C, C, T, V>(vectors, plan, segment, x, words, word);
                    word += len;
                }
                Channel::Kept => {
                    along::<Identity, C, T, V>(vectors, plan, segment, x, kept, keep);
                    keep += len;
                }
            }
        }
        vectors.finish_saving();
    }
}

/// The elements from `start` on, of classes that change within a chunk.
#[inline(always)]
fn mixed<C: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    plan: &Plan<C, T>,
    start: usize,
    x: &mut [T],
    words: &mut [C::Word],
    kept: &mut [T],
) {
    let Segment { channel, left, .. } = Segment::whole(plan, start..start + x.len());
    let mut slopes = Cyclic::new(plan.cyclic_slopes(), plan.slopes().len(), channel);
    let mut runs = Runs::new(plan, channel, left);
    let mut classes = Classes::new(plan, (channel, left), (0, 0));
    for x in x.chunks_mut(CHUNK) {
        classes.save::<C, T, V>(vectors, x, words, kept);
        if plan.by_slope().inner() == 1 {
            pass::<SignOfOutput, T, V>(vectors, x, &slopes, &mut [], 0);
            slopes.advance(x.len());
        } else {
            pass::<SignOfOutput, T, V>(vectors, x, &runs.table(x.len()), &mut [], 0);
        }
    }
}

/// One segment. Its first element is element `at` of those that `words` are for.
#[inline(always)]
fn along<D: Codec<T>, C: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    plan: &Plan<C, T>,
    segment: Segment,
    x: &mut [T],
    words: &mut [D::Word],
    at: usize,
) {
    let Segment { channel, left, .. } = segment;
    if plan.by_slope().inner() == 1 {
        let slopes = Cyclic::new(plan.cyclic_slopes(), plan.slopes().len(), channel);
        columns::<D, T, V>(vectors, x, slopes, words, at);
    } else {
        runs::<D, T, V>(vectors, x, Runs::new(plan, channel, left), words, at);
    }
}

/// Channels are the fastest axis.
#[inline(always)]
fn columns<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    x: &mut [T],
    mut slopes: Cyclic<'_, T::Wide>,
    words: &mut [D::Word],
    mut at: usize,
) {
    let mut whole = x.chunks_exact_mut(CHUNK);
    for x in &mut whole {
        pass::<D, T, V>(vectors, x, &slopes, words, at);
        slopes.advance(CHUNK);
        at += CHUNK;
    }
    let rest = whole.into_remainder();
    if !rest.is_empty() {
        pass::<D, T, V>(vectors, rest, &slopes, words, at);
    }
}

/// ```text
/// until the end:
///     chunks within a run:      one slope
///     a chunk over its end:     a slope per element
/// ```
#[inline(always)]
fn runs<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    x: &mut [T],
    mut runs: Runs<'_, T>,
    words: &mut [D::Word],
    at: usize,
) {
    let mut done = 0;
    while done + CHUNK <= x.len() {
        let within = runs.left.min(x.len() - done) / CHUNK * CHUNK;
        if within > 0 {
            let slope = Single(runs.slope());
            for x in x[done..done + within].chunks_exact_mut(CHUNK) {
                pass::<D, T, V>(vectors, x, &slope, words, at + done);
                done += CHUNK;
            }
            runs.advance(within);
        } else {
            let x = &mut x[done..done + CHUNK];
            pass::<D, T, V>(vectors, x, &runs.table(CHUNK), words, at + done);
            done += CHUNK;
        }
    }
    let rest = &mut x[done..];
    if !rest.is_empty() {
        pass::<D, T, V>(vectors, rest, &runs.table(rest.len()), words, at + done);
    }
}

/// One chunk.
#[inline(always)]
fn pass<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    x: &mut [T],
    slopes: &impl SlopeSource<T::Wide>,
    words: &mut [D::Word],
    at: usize,
) {
    let pre = load(x);
    let signs = vectors.signs_of_chunk(&pre);
    D::encode(vectors, words, at, x, signs);
    let slope = slopes.chunk();
    let mut wide = vectors.widen(&pre);
    for (lane, x) in wide.iter_mut().enumerate() {
        let factor = if *x > T::Wide::ZERO { T::Wide::ONE } else { slope(lane) };
        *x = *x * factor;
    }
    store(vectors.narrow(wide), x);
}
