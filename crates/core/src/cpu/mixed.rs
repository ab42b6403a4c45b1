//! Classes that change within a chunk: channels as the fastest axis, or short runs.
//!
//! ```text
//! for each chunk:
//!     encoded, kept = which of its elements are of that class, as bits
//!     forward:   words and kept take their elements, closed up
//!     backward:  signs of the three classes, and kept elements for the basis, put back in place
//! ```
//!
//! Departure: where channels are the fastest axis, backward does not go through memory in order, so that a
//! chunk's place among the saved ones is computed from its row and column.

use super::origin::Origin;
use super::slope_source::next;
use super::walk::{Chunk, Classed, Operands, Spot};
use crate::codec::{Basis, CHUNK, Channel, Codec, Identity};
use crate::element::Element;
use crate::plan::{ClassPlace, Plan};
use crate::vectors::{Piece, Vectors, load, lowest};

/// The classes of a block, and where its saved elements are.
#[derive(Clone, Copy)]
pub(super) struct Classes<'a> {
    classes: &'a [Channel],
    /// See [`Plan::class_places`].
    places: &'a [ClassPlace],
    inner: usize,
    /// The channel of the element at hand or, where channels are the fastest axis, its place in the period.
    channel: usize,
    /// What is left of the channel's run.
    left: usize,
    /// Encoded and kept elements before the one at hand, from wherever the saved ones begin.
    before: [usize; 2],
}

/// A chunk's elements of one class, closed up: bits in the chunk, number, place of the first.
#[derive(Clone, Copy)]
struct Members {
    bits: u64,
    count: usize,
    at: usize,
}

impl<'a> Classes<'a> {
    /// From an origin on.
    #[inline(always)]
    pub(super) fn new<C: Codec<T>, T: Element>(
        plan: &'a Plan<C, T>,
        Origin { channel, left }: Origin,
        before: [usize; 2],
    ) -> Self {
        let (classes, places) = (plan.classes(), plan.class_places());
        Classes { classes, places, inner: plan.by_slope().inner(), channel, left, before }
    }

    /// The encoded and the kept ones among the next `len` elements.
    #[inline(always)]
    fn advance(&mut self, len: usize) -> [Members; 2] {
        let bits = if self.inner == 1 { self.columns(len) } else { self.runs(len) };
        let members = members(bits, self.before);
        self.before = members.map(|members| members.at + members.count);
        members
    }

    #[inline(always)]
    fn columns(&mut self, len: usize) -> [u64; 2] {
        let bits = self.places[self.channel].bits.map(|bits| bits & lowest(len));
        self.channel = next(self.channel, len, self.period());
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

    /// The encoded and the kept ones among `len` elements anywhere, channels being the fastest axis.
    #[inline(always)]
    fn at(&self, spot: Spot, len: usize) -> [Members; 2] {
        let period = self.period();
        let (mut place, mut periods) = (self.channel + spot.column, spot.row);
        if place >= period {
            (place, periods) = (place - period, periods + 1);
        }
        let (place, start) = (&self.places[place], &self.places[self.channel]);
        let each = self.places[period].before;
        let mut before = self.before;
        for (class, before) in before.iter_mut().enumerate() {
            *before += periods * each[class] + place.before[class] - start.before[class];
        }
        members(place.bits.map(|bits| bits & lowest(len)), before)
    }

    #[inline(always)]
    fn period(&self) -> usize {
        self.places.len() - 1
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
        let [encoded, keep] = self.advance(pre.len());
        if encoded.count > 0 {
            let own = vectors.close_up(vectors.signs_of_chunk(&chunk), encoded.bits);
            let (at, len) = (encoded.at, encoded.count);
            if C::BASIS == Basis::PreActivation {
                let closed = vectors.close_up_elements(&chunk, encoded.bits);
                C::encode(vectors, words, at, len, own, &closed[..len]);
            } else {
                C::encode(vectors, words, at, len, own, &[]);
            }
        }
        if keep.count > 0 {
            let closed = vectors.close_up_elements(&chunk, keep.bits);
            kept[keep.at..keep.at + keep.count].copy_from_slice(&closed[..keep.count]);
        }
    }
}

#[inline(always)]
fn members(bits: [u64; 2], before: [usize; 2]) -> [Members; 2] {
    let of = |bits: u64, at| Members { bits, count: bits.count_ones() as usize, at };
    [of(bits[0], before[0]), of(bits[1], before[1])]
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

    const CLASSED: Classed = Classed::InChunk;

    #[inline(always)]
    fn len(&self) -> usize {
        self.grad.len()
    }

    /// Chunks of short runs are asked for in order, without gaps.
    #[inline(always)]
    fn chunk<V: Vectors>(&mut self, vectors: V, spot: Spot, len: usize) -> MixedChunk<'_, T> {
        let [encoded, keep] = if self.classes.inner == 1 {
            self.classes.at(spot, len)
        } else {
            self.classes.advance(len)
        };
        let place = spot.done..spot.done + len;
        let mut basis = load(self.output.get(place.clone()).unwrap_or_default());
        let mut signs = vectors.signs_of_chunk(&basis) & !encoded.bits & !keep.bits;
        if encoded.count > 0 {
            let own = vectors.close_up_elements(&basis, encoded.bits);
            let own = &own[..encoded.count];
            let bits = C::signs(vectors, self.words, encoded.at, encoded.count, own);
            signs |= vectors.put_back(bits, encoded.bits);
            if C::BASIS == Basis::PreActivation {
                let saved = C::basis(self.words, encoded.at, encoded.count, own);
                vectors.put_back_elements(saved, encoded.bits, &mut basis);
            }
        }
        if keep.count > 0 {
            let kept = &self.kept[keep.at..keep.at + keep.count];
            let bits = Identity::signs(vectors, kept, 0, kept.len(), &[]);
            signs |= vectors.put_back(bits, keep.bits);
            vectors.put_back_elements(kept, keep.bits, &mut basis);
        }
        MixedChunk { signs, basis, grad: &mut self.grad[place] }
    }
}

pub(super) struct MixedChunk<'a, T> {
    signs: u64,
    basis: [T; CHUNK],
    grad: &'a mut [T],
}

impl<T: Element> Chunk<T> for MixedChunk<'_, T> {
    #[inline(always)]
    fn bits(&self) -> u64 {
        self.signs
    }

    #[inline(always)]
    fn piece(&mut self) -> Piece<'_, T> {
        let len = self.grad.len();
        Piece::in_place(self.grad, &self.basis[..len], false)
    }
}
