//! Forward: one pass that saves and overwrites.
//!
//! ```text
//! for each block, in parallel:
//!     for each channel's run in it:
//!         derived:  save nothing
//!         encoded:  words = codec.encode(x)
//!         kept:     kept  = x
//!         x = x * (1 if x > 0 else slope)
//! ```
//!
//! Departures: (1) a block goes in chunks of 64 whatever its channels' runs (but run by run
//! where `one_by_one` is taken, and in [`super::mixed_runs`]), so that a bit mask's
//! word is packed from registers and whole; (2) the factor is selected and multiplied, never the product blended, which LLVM
//! would turn into masked stores; (3) a pass that moves more than the caches hold writes words by stretches
//! ([`super::stretch`]), but for mixed classes; (4) between [`Level::run`](super::Level::run) and the innermost
//! loops there is no closure: one that is not inlined is compiled without the level's instructions; (5) where tensors are
//! not near, a chunk asks for what comes some way after it ([`Vectors::look_ahead`]).

use bytemuck::Zeroable;

use super::Cpu;
use super::blocks::{Blocks, take_front};
use super::frame::Frame;
use super::mixed::Classes;
use super::mixed_runs::SaveRuns;
use super::origin::Origin;
use super::runs::Runs;
use super::simd::Task;
use super::slope_source::Cyclic;
use super::stretch::{self, STRETCH, Stretch};
use super::walk::Classed;
use crate::codec::{Basis, CHUNK, Channel, Codec, Identity, SignOfOutput};
use crate::element::Element;
use crate::plan::Plan;
use crate::vectors::{ChunkSlopes, Single, Table, Vectors};

/// Bytes that are taken to be more than the caches hold: no processor's last level is much larger, and a
/// backward pass comes long after.
const CACHES: usize = 32 << 20;

/// What is larger than the caches.
#[derive(Clone, Copy)]
struct Beyond {
    /// The saved state.
    saved: bool,
    /// What the pass moves.
    all: bool,
}

/// Runs the blocks of the whole tensor.
pub(super) fn forward<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    x: &mut [T],
    words: &mut [C::Word],
    kept: &mut [T],
) {
    let saved = plan.words() * size_of::<C::Word>() + plan.kept_elements() * size_of::<T>();
    let bytes = 2 * size_of_val(x) + saved;
    let beyond = Beyond { saved: saved >= CACHES, all: bytes >= CACHES };
    let blocks = Parts { plan, blocks: Blocks::of(plan), next: 0, x, words, kept };
    cpu.share(bytes, blocks, |part| {
        block(cpu, plan, (part.start, beyond), part.x, part.words, part.kept);
    });
}

/// The blocks that are still to come, each with its own parts of the tensor and of the saved state.
struct Parts<'a, C: Codec<T>, T: Element> {
    plan: &'a Plan<C, T>,
    blocks: Blocks,
    next: usize,
    x: &'a mut [T],
    words: &'a mut [C::Word],
    kept: &'a mut [T],
}

/// What belongs to one block.
struct Part<'a, W, T> {
    start: usize,
    x: &'a mut [T],
    words: &'a mut [W],
    kept: &'a mut [T],
}

impl<'a, C: Codec<T>, T: Element> Iterator for Parts<'a, C, T> {
    type Item = Part<'a, C::Word, T>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.blocks.count {
            return None;
        }
        let (plan, start) = (self.plan, self.blocks.start(self.plan, self.next));
        let end = self.blocks.start(plan, self.next + 1);
        self.next += 1;
        let word = |position: usize| plan.encoded_before(position).div_ceil(C::LANES);
        Some(Part {
            start,
            x: take_front(&mut self.x, end - start),
            words: take_front(&mut self.words, word(end) - word(start)),
            kept: take_front(&mut self.kept, plan.kept_before(end) - plan.kept_before(start)),
        })
    }
}

/// The block that begins at `start`.
fn block<C: Codec<T>, T: Element>(
    cpu: &Cpu,
    plan: &Plan<C, T>,
    (start, beyond): (usize, Beyond),
    x: &mut [T],
    words: &mut [C::Word],
    kept: &mut [T],
) {
    if x.is_empty() {
        return;
    }
    let (frame, origin) = (Frame::of(plan), Origin::of(plan, start));
    let Beyond { saved: past_caches, all: by_stretches } = beyond;
    let reach = frame.reach(past_caches);
    match (Classed::of(plan), plan.classes()[0]) {
        (Classed::InChunk, _) => {
            let classes = Classes::new(plan, origin, [0, 0]);
            let mixed = Mixed::<C, T> { frame, origin, classes, x, words, kept };
            cpu.level.run(mixed, reach);
        }
        (Classed::ByRun, _) => {
            let (runs, classes) = (Runs::new(frame, origin), plan.classes());
            let mixed = SaveRuns::<C, T> { runs, classes, x, words, kept };
            cpu.level.run(mixed, reach);
        }
        (Classed::Whole, Channel::Derived) => {
            let one = One::<SignOfOutput, T> { frame, origin, x, words: &mut [], by_stretches };
            cpu.level.run(one, reach);
        }
        (Classed::Whole, Channel::Encoded) => {
            cpu.level.run(One::<C, T> { frame, origin, x, words, by_stretches }, reach);
        }
        (Classed::Whole, Channel::Kept) => {
            let one = One::<Identity, T> { frame, origin, x, words: kept, by_stretches };
            cpu.level.run(one, reach);
        }
    }
}

/// Elements whose classes change within a chunk.
struct Mixed<'a, C: Codec<T>, T: Element> {
    frame: Frame<'a, T>,
    origin: Origin,
    classes: Classes<'a>,
    x: &'a mut [T],
    words: &'a mut [C::Word],
    kept: &'a mut [T],
}

impl<C: Codec<T>, T: Element> Task for Mixed<'_, C, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let Mixed { frame, origin, mut classes, x, words, kept } = self;
        if frame.inner == 1 {
            let mut slopes = Cyclic::new(frame.cyclic_slopes, origin.channel);
            for x in x.chunks_mut(CHUNK) {
                classes.save::<C, T, V>(vectors, x, words, kept);
                vectors.scale(x, &slopes.chunk());
                slopes.advance(x.len());
            }
        } else {
            let mut runs = Runs::new(frame, origin);
            for x in x.chunks_mut(CHUNK) {
                classes.save::<C, T, V>(vectors, x, words, kept);
                vectors.scale(x, &Table(&runs.table(x.len())));
            }
        }
        vectors.finish_saving();
    }
}

/// Elements of one class, as a task of its own: the same code for every codec with such words, which
/// begin with the first element.
struct One<'a, D: Codec<T>, T: Element> {
    frame: Frame<'a, T>,
    origin: Origin,
    x: &'a mut [T],
    words: &'a mut [D::Word],
    /// Whether words that are smaller than their elements are to be written by the [`Stretch`].
    by_stretches: bool,
}

/// Where the slopes of the next elements come from.
enum Slopes<'a, W> {
    /// Channels are the fastest axis.
    Columns(Cyclic<'a, W>),
    Runs(Runs<'a, W>),
}

impl<D: Codec<T>, T: Element> Task for One<'_, D, T> {
    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        let One { frame, origin, x, mut words, by_stretches } = self;
        let mut slopes = if frame.inner == 1 {
            Slopes::Columns(Cyclic::new(frame.cyclic_slopes, origin.channel))
        } else {
            Slopes::Runs(Runs::new(frame, origin))
        };
        let by_stretches = by_stretches && stretch::pays::<D::Word, T>(D::LANES);
        let mut stretch = by_stretches.then(Stretch::zeroed);
        let length = if stretch.is_some() { STRETCH } else { x.len() };
        for x in x.chunks_mut(length) {
            let len = x.len().div_ceil(D::LANES).min(words.len());
            let to = take_front(&mut words, len);
            let near = match &mut stretch {
                Some(stretch) => stretch.begin(to),
                None => &mut *to,
            };
            match &mut slopes {
                Slopes::Columns(slopes) => columns::<D, T, V>(vectors, x, slopes, near),
                Slopes::Runs(slopes) => runs::<D, T, V>(vectors, x, slopes, near),
            }
            if let Some(stretch) = &mut stretch {
                stretch.end(to);
            }
        }
        vectors.finish_saving();
    }
}

/// Channels are the fastest axis.
#[inline(always)]
fn columns<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    x: &mut [T],
    slopes: &mut Cyclic<'_, T::Wide>,
    words: &mut [D::Word],
) {
    let mut at = 0;
    let mut whole = x.chunks_exact_mut(CHUNK);
    for x in &mut whole {
        pass::<D, T, V>(vectors, &mut x[..CHUNK], &slopes.chunk(), words, at);
        slopes.advance(CHUNK);
        at += CHUNK;
    }
    let rest = whole.into_remainder();
    if !rest.is_empty() {
        pass::<D, T, V>(vectors, rest, &slopes.chunk(), words, at);
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
    runs: &mut Runs<'_, T::Wide>,
    words: &mut [D::Word],
) {
    // Words of bytes are written by whole chunks.
    let rests = vectors.has_cheap_rests::<T>() && size_of::<D::Word>() != 1;
    if rests && D::BASIS == Basis::Output && runs.middle() {
        return one_by_one::<D, T, V>(vectors, x, runs, words);
    }
    let mut done = 0;
    while done + CHUNK <= x.len() {
        let within = runs.left.min(x.len() - done) / CHUNK * CHUNK;
        if within > 0 {
            let slope = Single(runs.slope());
            for x in x[done..done + within].chunks_exact_mut(CHUNK) {
                pass::<D, T, V>(vectors, &mut x[..CHUNK], &slope, words, done);
                done += CHUNK;
            }
            runs.advance(within);
        } else {
            over_ends::<D, T, V>(vectors, &mut x[done..done + CHUNK], runs, words, done);
            done += CHUNK;
        }
    }
    let rest = &mut x[done..];
    if rest.len() > runs.left {
        over_ends::<D, T, V>(vectors, rest, runs, words, done);
    } else if !rest.is_empty() {
        pass::<D, T, V>(vectors, rest, &Single(runs.slope()), words, done);
    }
}

/// Run by run: chunks begin where runs do.
#[inline(always)]
fn one_by_one<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    x: &mut [T],
    runs: &mut Runs<'_, T::Wide>,
    words: &mut [D::Word],
) {
    let mut done = 0;
    while done < x.len() {
        let end = done + runs.left.min(x.len() - done).min(CHUNK);
        pass::<D, T, V>(vectors, &mut x[done..end], &Single(runs.slope()), words, done);
        runs.advance(end - done);
        done = end;
    }
}

/// A chunk over the ends of runs.
#[inline(always)]
fn over_ends<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    x: &mut [T],
    runs: &mut Runs<'_, T::Wide>,
    words: &mut [D::Word],
    at: usize,
) {
    if runs.short() {
        pass::<D, T, V>(vectors, x, &Table(&runs.table(x.len())), words, at);
    } else {
        pass::<D, T, V>(vectors, x, &runs.next(x.len()), words, at);
    }
}

/// One chunk.
#[inline(always)]
pub(super) fn pass<D: Codec<T>, T: Element, V: Vectors>(
    vectors: V,
    x: &mut [T],
    slopes: &impl ChunkSlopes<T::Wide>,
    words: &mut [D::Word],
    at: usize,
) {
    vectors.look_ahead([&*x]);
    if D::BASIS == Basis::Output && size_of::<D::Word>() > 0 {
        let signs = vectors.activate(x, slopes);
        D::encode(vectors, words, at, x.len(), signs, &[]);
    } else {
        if D::BASIS == Basis::PreActivation {
            D::encode(vectors, words, at, x.len(), vectors.signs(x), x);
        }
        vectors.scale(x, slopes);
    }
}
