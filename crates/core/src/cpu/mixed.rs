//! Classes that change within a chunk: channels as the fastest axis, or short runs.
//!
//! ```text
//! for each chunk:
//!     encoded, kept = which of its elements are of that class, as bits
//!     forward:   words and kept take their elements, closed up
//!     backward:  signs of the three classes, and kept elements for the basis, put back in place
//! ```
//!
//! Departure: elements move between a chunk and its closed-up part one by one, signs by one
//! instruction where there is one.

use super::slope_source::next;
use super::walk::{Chunk, Operands};
use crate::codec::{Basis, CHUNK, Channel, Codec, Identity};
use crate::element::Element;
use crate::plan::Plan;
use crate::vectors::{Vectors, load, lowest};

/// Runs at least this long are segments of their own.
const LONG: usize = 2 * CHUNK;

/// Whether that is the tensor at hand.
#[inline(always)]
pub(super) fn is_mixed<C: Codec<T>, T: Element>(plan: &Plan<C, T>) -> bool {
    !plan.is_uniform() && plan.by_slope().inner() < LONG
}

/// The classes of a chunk, and where its saved elements are.
#[derive(Clone, Copy)]
pub(super) struct Classes<'a> {
    classes: &'a [Channel],
    /// Where channels are the fastest axis, by the channel of a chunk's first element: bits of the
    /// encoded and of the kept channels. Empty elsewhere.
    table: &'a [[u64; 2]],
    inner: usize,
    channel: usize,
    /// What is left of the channel's run.
    left: usize,
    /// Encoded elements before the chunk, from wherever the words begin.
    word: usize,
    /// Kept elements before the chunk, from wherever the kept ones begin.
    keep: usize,
}

/// A chunk's elements of one class, closed up: bits in the chunk, number, place of the first.
#[derive(Clone, Copy)]
struct Members {
    bits: u64,
    count: usize,
    at: usize,
}

impl<'a> Classes<'a> {
    /// From an element of channel `channel` on that is `left` elements before the end of its run.
    #[inline(always)]
    pub(super) fn new<C: Codec<T>, T: Element>(
        plan: &'a Plan<C, T>,
        (channel, left): (usize, usize),
        (word, keep): (usize, usize),
    ) -> Self {
        let (classes, table) = (plan.classes(), plan.class_bits());
        Classes { classes, table, inner: plan.by_slope().inner(), channel, left, word, keep }
    }

    /// The next `len` elements: the encoded and the kept ones.
    #[inline(always)]
    fn advance(&mut self, len: usize) -> [Members; 2] {
        let [encoded, kept] = if self.inner == 1 { self.columns(len) } else { self.runs(len) };
        let members = |bits: u64, at| Members { bits, count: bits.count_ones() as usize, at };
        let both = [members(encoded, self.word), members(kept, self.keep)];
        self.word += both[0].count;
        self.keep += both[1].count;
        both
    }

    #[inline(always)]
    fn columns(&mut self, len: usize) -> [u64; 2] {
        let bits = self.table[self.channel].map(|bits| bits & lowest(len));
        self.channel = next(self.channel, len, self.table.len());
        bits
    }

    #[inline(always)]
    fn runs(&mut self, len: usize) -> [u64; 2] {
        let (mut bits, mut from) = ([0; 2], 0);
        while from < len {
            let to = (from + self.left).min(len);
            let run = lowest(to) & !lowest(from);
            match self.classes[self.channel] {
                Channel::Derived => {}
                Channel::Encoded => bits[0] |= run,
                Channel::Kept => bits[1] |= run,
            }
            self.left -= to - from;
            if self.left == 0 {
                self.left = self.inner;
                self.channel = next(self.channel, 1, self.classes.len());
            }
            from = to;
        }
        bits
    }

    /// Saves a chunk of pre-activations.
    #[inline(always)]
    pub(super) fn save<C: Codec<T>, T: Element, V: Vectors>(
        &mut self,
        vectors: V,
        pre: &[T],
        words: &mut [C::Word],
        kept: &mut [T],
    ) {
        let chunk = load(pre);
        let signs = vectors.signs_of_chunk(&chunk);
        let [encoded, keep] = self.advance(pre.len());
        let closed = encoded.close_up(&chunk);
        let own = vectors.close_up(signs, encoded.bits);
        if encoded.count > 0 {
            C::encode(vectors, words, encoded.at, &closed[..encoded.count], own);
        }
        kept[keep.at..keep.at + keep.count].copy_from_slice(&keep.close_up(&chunk)[..keep.count]);
    }
}

impl Members {
    /// The members of a chunk, side by side.
    #[inline(always)]
    fn close_up<T: Element>(self, chunk: &[T; CHUNK]) -> [T; CHUNK] {
        let mut closed = [T::default(); CHUNK];
        let mut bits = self.bits;
        for to in closed.iter_mut().take(self.count) {
            *to = chunk[bits.trailing_zeros() as usize % CHUNK];
            bits &= bits.wrapping_sub(1);
        }
        closed
    }

    /// Writes the members to their places in a chunk.
    #[inline(always)]
    fn put_back<T: Element>(self, closed: &[T], chunk: &mut [T; CHUNK]) {
        let mut bits = self.bits;
        for &from in closed {
            chunk[bits.trailing_zeros() as usize % CHUNK] = from;
            bits &= bits.wrapping_sub(1);
        }
    }
}

/// The input gradient overwrites the upstream one.
pub(super) struct MixedInPlace<'a, C: Codec<T>, T: Element> {
    pub(super) classes: Classes<'a>,
    pub(super) words: &'a [C::Word],
    pub(super) kept: &'a [T],
    /// The outputs, or empty where they are not needed.
    pub(super) output: &'a [T],
    pub(super) grad: &'a mut [T],
}

impl<C: Codec<T>, T: Element> Operands<T> for MixedInPlace<'_, C, T> {
    type Chunk<'c>
        = MixedChunk<'c, T>
    where
        Self: 'c;

    #[inline(always)]
    fn len(&self) -> usize {
        self.grad.len()
    }

    /// Chunks are asked for in order, without gaps.
    #[inline(always)]
    fn chunk<V: Vectors>(&mut self, vectors: V, done: usize, len: usize) -> MixedChunk<'_, T> {
        let [encoded, keep] = self.classes.advance(len);
        let mut basis = load(self.output.get(done..done + len).unwrap_or_default());
        let derived = vectors.signs_of_chunk(&basis) & !encoded.bits & !keep.bits;
        let own = encoded.close_up(&basis);
        let own = &own[..encoded.count];
        let signs = match encoded.count {
            0 => 0,
            count => C::signs(vectors, self.words, encoded.at, count, own),
        };
        let kept = &self.kept[keep.at..keep.at + keep.count];
        let kept_signs = Identity::signs(vectors, kept, 0, kept.len(), &[]);
        keep.put_back(kept, &mut basis);
        if C::BASIS == Basis::PreActivation {
            encoded.put_back(C::basis(self.words, encoded.at, encoded.count, own), &mut basis);
        }
        MixedChunk {
            signs: derived
                | vectors.put_back(signs, encoded.bits)
                | vectors.put_back(kept_signs, keep.bits),
            basis,
            grad: &mut self.grad[done..done + len],
        }
    }
}

pub(super) struct MixedChunk<'a, T> {
    signs: u64,
    basis: [T; CHUNK],
    grad: &'a mut [T],
}

impl<T: Element> Chunk<T> for MixedChunk<'_, T> {
    #[inline(always)]
    fn signs(&self) -> u64 {
        self.signs
    }

    #[inline(always)]
    fn basis(&self) -> &[T] {
        &self.basis
    }

    #[inline(always)]
    fn upstream(&self) -> &[T] {
        self.grad
    }

    #[inline(always)]
    fn input_gradient(&mut self) -> &mut [T] {
        self.grad
    }
}
