//! Forward and propagation of a chunk of a two-byte type in plain Rust, in words of two elements: LLVM makes vectors of
//! words of the loops. Where `f16` elements are not all finite, a pass is [`super::plain`]'s.

use bytemuck::cast;

use super::half_words::{Found, WORDS, Words, bits, elements, masks, positive, word};
use super::slopes::{As, ByRun};
use super::{CHUNK, ChunkSlopes, Piece, Portable, load, lowest, plain, store};
use crate::element::{Dtype, Element};
use crate::half_pairs::{Bf16, F16, Pair};

/// See [`super::Vectors::activate`].
#[inline(always)]
pub(super) fn activate<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    if let Some(whole) = x.first_chunk_mut() {
        return activate_whole(whole, slopes);
    }
    let mut room = load(x);
    let bits = activate_whole(&mut room, slopes);
    store(room, x);
    bits
}

/// See [`super::Vectors::scale`].
#[inline(always)]
pub(super) fn scale<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) {
    if let Some(whole) = x.first_chunk_mut() {
        return scale_whole(whole, slopes);
    }
    let mut room = load(x);
    scale_whole(&mut room, slopes);
    store(room, x);
}

/// See [`super::Vectors::propagate`].
#[inline(always)]
pub(super) fn propagate<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    let signs = piece.signs(Portable, signs);
    if let Some(gradient) = piece.whole_in_place() {
        return propagate_whole(gradient, signs, slopes);
    }
    let mut gradient = piece.upstream();
    propagate_whole(&mut gradient, signs, slopes);
    piece.set_input_gradient(gradient);
}

// Not inlined: at a function's beginning LLVM knows that its arguments do not overlap, and copies nothing.

#[inline(never)]
fn activate_whole<T: Element>(x: &mut [T; CHUNK], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    if convertible(x) && convertible_slopes::<T>(slopes) {
        return scale_pairs::<true, T>(x, &positive(x), slopes).bits();
    }
    plain::activate(Portable, x, slopes)
}

#[inline(never)]
fn scale_whole<T: Element>(x: &mut [T; CHUNK], slopes: &impl ChunkSlopes<T::Wide>) {
    if convertible(x) && convertible_slopes::<T>(slopes) {
        scale_pairs::<false, T>(x, &positive(x), slopes);
    } else {
        plain::activate(Portable, x, slopes);
    }
}

#[inline(never)]
fn propagate_whole<T: Element>(
    gradient: &mut [T; CHUNK],
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    scale_others(gradient, &masks(signs), slopes);
}

/// Multiplies elements that are not positive with their slopes.
#[inline(always)]
pub(super) fn scale_others<T: Element>(
    x: &mut [T; CHUNK],
    positive: &Words,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    if convertible(x) && convertible_slopes::<T>(slopes) {
        scale_pairs::<false, T>(x, positive, slopes);
    } else {
        plain::propagate(Portable, &mut Piece::in_place(x, &[], false), bits(positive), slopes);
    }
}

/// The same of what is convertible. Returns the bits of positive ones, or where they are not to be found none.
#[inline(always)]
fn scale_pairs<const FIND: bool, T: Element>(
    x: &mut [T; CHUNK],
    positive: &Words,
    slopes: &impl ChunkSlopes<T::Wide>,
) -> Found {
    if let Some(runs) = slopes.by_run() {
        let words = slopes_of_runs::<T>(&runs);
        return scale_each::<FIND, T>(x, positive, |at| {
            if T::DTYPE == Dtype::F16 { F16::widen(words[at]) } else { Bf16::widen(words[at]) }
        });
    }
    let slopes = &As::<_, T::Wide>::new(slopes);
    scale_each::<FIND, T>(x, positive, |at| [slopes.lane(2 * at), slopes.lane(2 * at + 1)])
}

#[inline(always)]
fn scale_each<const FIND: bool, T: Element>(
    x: &mut [T; CHUNK],
    positive: &Words,
    slopes: impl Fn(usize) -> [f32; 2],
) -> Found {
    let (x, mut found) = (pairs(x), Found::default());
    if FIND {
        for at in 0..WORDS / 2 {
            for at in [at, at + WORDS / 2] {
                scale_pair(&mut x[at], positive[at], slopes(at));
            }
            found.add(at, [positive[at], positive[at + WORDS / 2]]);
        }
    } else {
        for (at, pair) in x.iter_mut().enumerate() {
            scale_pair(pair, positive[at], slopes(at));
        }
    }
    found
}

#[inline(always)]
fn scale_pair<T: Element>(pair: &mut [T; 2], positive: u32, slopes: [f32; 2]) {
    let word = word(*pair);
    *pair = elements(if T::DTYPE == Dtype::F16 {
        F16::scaled(word, positive, slopes)
    } else {
        Bf16::scaled(word, positive, slopes)
    });
}

#[inline(always)]
fn pairs<T>(x: &mut [T; CHUNK]) -> &mut [[T; 2]] {
    x.as_chunks_mut().0
}

/// Whether the slopes of runs are finite, where they have to be.
#[inline(always)]
fn convertible_slopes<T: Element>(slopes: &impl ChunkSlopes<T::Wide>) -> bool {
    match slopes.by_run() {
        Some(runs) if T::DTYPE == Dtype::F16 => {
            runs.known_as::<f32>().slopes.iter().all(|slope| slope.is_finite())
        }
        _ => true,
    }
}

/// A slope per element: that of the last run, and where others lie what it differs by.
#[inline(always)]
fn slopes_of_runs<T: Element>(runs: &ByRun<T::Wide>) -> Words {
    let [first, second, third] = runs.slopes;
    // By name: a closure is left out of line.
    let (first, second) = (word([T::narrow(first); 2]), word([T::narrow(second); 2]));
    let third = word([T::narrow(third); 2]);
    let (to_first, to_second) = (masks(lowest(runs.ends[0])), masks(lowest(runs.ends[1])));
    let mut words = [0; WORDS];
    for (at, word) in words.iter_mut().enumerate() {
        *word = third ^ (second ^ third) & to_second[at] ^ (first ^ second) & to_first[at];
    }
    words
}

/// Whether all elements are finite, where they have to be.
#[inline(always)]
pub(super) fn convertible<T: Element>(x: &[T; CHUNK]) -> bool {
    if T::DTYPE != Dtype::F16 {
        return true;
    }
    let mut largest = 0;
    for bits in cast::<_, [u16; CHUNK]>(*x) {
        largest = largest.max((bits & 0x7fff) as i16);
    }
    largest < 0x7c00
}
