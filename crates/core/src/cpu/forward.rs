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
//! Departures: (1) a segment goes in chunks of 64, so that a bit mask's word is packed from
//! registers; (2) the factor is selected and multiplied, never the product blended, which LLVM
//! would turn into masked stores; (3) between [`Level::run`](super::Level::run) and the innermost
//! loops there is no closure: one that is not inlined is compiled without the level's instructions.

use std::ops::Range;

use super::Cpu;
use super::blocks::Blocks;
use super::segments::{Segment, Segments};
use super::simd::Task;
use super::slope_source::{Cyclic, Single, SlopeSource};
use crate::codec::{CHUNK, Channel, Codec, Identity, SignOfOutput};
use crate::element::{Element, Wide};
use crate::plan::Plan;

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
        cpu.level.run(Block { plan, start, x, words, kept });
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
    fn run(self) {
        let Block { plan, start, x, words, kept } = self;
        let (mut word, mut keep) = (0, 0);
        for segment in Segments::new(plan, start..start + x.len()) {
            let Segment { class, start: first, len, channel } = segment;
            let x = &mut x[first - start..][..len];
            match class {
                Channel::Derived => {
                    along::<SignOfOutput, C, T>(plan, channel, x, &mut [], 0);
                }
                Channel::Encoded => {
                    along::<C, C, T>(plan, channel, x, words, word);
                    word += len;
                }
                Channel::Kept => {
                    along::<Identity, C, T>(plan, channel, x, kept, keep);
                    keep += len;
                }
            }
        }
    }
}

/// One segment, with its slopes as one value or as a table. Its first element is element `at` of
/// those that `words` are for.
#[inline(always)]
fn along<D: Codec<T>, C: Codec<T>, T: Element>(
    plan: &Plan<C, T>,
    channel: usize,
    x: &mut [T],
    words: &mut [D::Word],
    at: usize,
) {
    if plan.by_slope().inner() == 1 {
        let slopes = Cyclic::new(plan.cyclic_slopes(), plan.slopes().len(), channel);
        chunks::<D, T>(x, slopes, words, at);
    } else {
        chunks::<D, T>(x, Single(plan.slopes()[channel].widen()), words, at);
    }
}

#[inline(always)]
fn chunks<D: Codec<T>, T: Element>(
    x: &mut [T],
    mut slopes: impl SlopeSource<T::Wide>,
    words: &mut [D::Word],
    mut at: usize,
) {
    let mut whole = x.chunks_exact_mut(CHUNK);
    for x in &mut whole {
        D::encode(words, at, x);
        activate(CHUNK, x, &slopes);
        slopes.advance(CHUNK);
        at += CHUNK;
    }
    let rest = whole.into_remainder();
    if !rest.is_empty() {
        D::encode(words, at, rest);
        activate(rest.len(), rest, &slopes);
    }
}

/// `len` elements; a constant for whole chunks, once this is inlined.
#[inline(always)]
fn activate<T: Element>(len: usize, x: &mut [T], slopes: &impl SlopeSource<T::Wide>) {
    let slope = slopes.chunk();
    for (lane, x) in x[..len].iter_mut().enumerate() {
        let wide = x.widen();
        let factor = if wide > T::Wide::ZERO { T::Wide::ONE } else { slope(lane) };
        *x = T::narrow(wide * factor);
    }
}
