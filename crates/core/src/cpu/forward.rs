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
use super::frame::Frame;
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
        return block(cpu, plan, (start, saved >= CACHES), x, words, kept);
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

/// The block that begins at `start`; `past_caches` as [`Level::run`](super::Level::run) has it.
fn block<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    (start, past_caches): (usize, bool),
    x: &mut [T],
    words: &mut [C::Word],
    kept: &mut [T],
) {
    let frame = Frame::of(plan);
    if is_mixed(plan) && !x.is_empty() {
        let segment = Segment::whole(plan, start..start + x.len());
        let classes = Classes::new(plan, (segment.channel, segment.left), (0, 0));
        return cpu
            .level
            .run(Mixed::<C, T> { frame, segment, classes, x, words, kept }, past_caches);
    }
    let (mut word, mut keep) = (0, 0);
    for segment in Segments::new(plan, start..start + x.len()) {
        let len = segment.len;
        let x = &mut x[segment.start - start..][..len];
        match segment.class {
            Channel::Derived => {
                let one = One::<SignOfOutput, T> { frame, segment, x, words: &mut [], at: 0 };
                cpu.level.run(one, past_caches);
            }
            Channel::Encoded => {
                let one = One::<C, T> { frame, segment, x, words: &mut *words, at: word };
                cpu.level.run(one, past_caches);
                word += len;
            }
            Channel::Kept => {
                let one = One::<Identity, T> { frame, segment, x, words: &mut *kept, at: keep };
                cpu.level.run(one, past_caches);
                keep += len;
            }
        }
    }
}

/// A segment whose classes change within a chunk.
struct Mixed<'a, C: Codec<T>, T: Element> {
    frame: Frame<'a, T>,
    segment: Segment,
    classes: Classes<'a>,
    x: &'a mut [T],
    words: &'a mut [C::Word],
    kept: &'a mut [T],
}

impl<C: Codec<T>, T: Element> Task for Mixed<'_, C, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let Mixed { frame, segment, mut classes, x, words, kept } = self;
        let Segment { channel, left, .. } = segment;
        let mut slopes = Cyclic::new(frame.cyclic_slopes, frame.slopes.len(), channel);
        let mut runs = Runs::new(frame, channel, left);
        for x in x.chunks_mut(CHUNK) {
            classes.save::<C, T, V>(vectors, x, words, kept);
            if frame.inner == 1 {
                pass::<SignOfOutput, T, V>(vectors, x, &slopes, &mut [], 0);
                slopes.advance(x.len());
            } else {
                pass::<SignOfOutput, T, V>(vectors, x, &runs.table(x.len()), &mut [], 0);
            }
        }
        vectors.finish_saving();
    }
}

/// A segment of one class, as a task of its own: the same code for every codec with such words. Its
/// first element is element `at` of those that `words` are for.
struct One<'a, D: Codec<T>, T: Element> {
    frame: Frame<'a, T>,
    segment: Segment,
    x: &'a mut [T],
    words: &'a mut [D::Word],
    at: usize,
}

impl<D: Codec<T>, T: Element> Task for One<'_, D, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let One { frame, segment, x, words, at } = self;
        let Segment { channel, left, .. } = segment;
        if frame.inner == 1 {
            let slopes = Cyclic::new(frame.cyclic_slopes, frame.slopes.len(), channel);
            columns::<D, T, V>(vectors, x, slopes, words, at);
        } else {
            runs::<D, T, V>(vectors, x, Runs::new(frame, channel, left), words, at);
        }
        vectors.finish_saving();
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
