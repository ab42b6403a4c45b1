//! A codec: what a pre-activation becomes while it waits for backward.

use std::fmt::Debug;

use crate::element::Element;
pub use crate::vectors::CHUNK;
use crate::vectors::Vectors;

/// Anything a saved state is made of: an element, a byte, a machine word or nothing.
pub trait Word: bytemuck::Pod + Default + Send + Sync {}
impl<W: bytemuck::Pod + Default + Send + Sync> Word for W {}

/// Which tensor the slope gradient of an encoded channel is summed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// `da = sum of g x`: exact but for the rounding of the sum.
    PreActivation,
    /// `da = (sum of g y) / a`, with one division per channel after the sum.
    Output,
}

/// How one channel's pre-activations are preserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Channel {
    /// Nothing is saved: for a slope that is not negative, `y > 0` exactly when `x > 0`.
    Derived,
    /// The codec's words are saved.
    Encoded,
    /// The pre-activations are saved whole, since the output does not determine them.
    Kept,
}

/// What is saved per element, and how it is read back.
///
/// A channel's words lie in encoded order: the elements of the encoded channels alone, as they lie
/// in memory. Element `p` of that order is lane `p % LANES` of word `p / LANES`.
pub trait Codec<T: Element>: Copy + Default + Send + Sync + Debug + 'static {
    /// One saved word.
    type Word: Word;

    /// Elements per word. It divides [`CHUNK`].
    const LANES: usize;

    /// What the slope gradient of an encoded channel is summed over.
    const BASIS: Basis;

    /// Whether [`Codec::signs`] are those of [`Codec::basis`], so that loops may compare it instead.
    #[doc(hidden)]
    const COMPARED: bool = false;

    /// How a channel with this learned slope is preserved.
    fn channel(slope: T) -> Channel;

    /// How a channel with this frozen slope is preserved. It owes no slope gradient, only the sign.
    fn frozen_channel(slope: T) -> Channel {
        if slope >= T::default() { Channel::Derived } else { Channel::Encoded }
    }

    /// Saves `len` elements, at most [`CHUNK`], as elements `at ..` of the encoded order. Bit `i` of
    /// `signs` tells whether the pre-activation of element `at + i` is positive; bits behind the last are 0.
    /// `pre` are the pre-activations, and empty for a codec with [`Basis::Output`], which needs none.
    ///
    /// Calls come with ascending `at`, without gaps, so that the first one to touch a word is the
    /// one for its lane 0: it overwrites the word, later ones add to it.
    fn encode<V: Vectors>(
        vectors: V,
        words: &mut [Self::Word],
        at: usize,
        len: usize,
        signs: u64,
        pre: &[T],
    );

    /// Which of the elements `at .. at + len`, with `len` at most [`CHUNK`], were positive: bit `i`
    /// stands for element `at + i`, and bits from `len` on for nothing. `output` are their `y`, of
    /// which a codec with [`Basis::PreActivation`] reads nothing.
    fn signs<V: Vectors>(
        vectors: V,
        words: &[Self::Word],
        at: usize,
        len: usize,
        output: &[T],
    ) -> u64;

    /// What the slope gradient of those elements is summed over: see [`Codec::BASIS`].
    fn basis<'a>(words: &'a [Self::Word], at: usize, len: usize, output: &'a [T]) -> &'a [T];
}

/// The pre-activation itself, `T` per element. Every channel is encoded and every gradient exact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

impl<T: Element> Codec<T> for Identity {
    type Word = T;
    const LANES: usize = 1;
    const BASIS: Basis = Basis::PreActivation;
    const COMPARED: bool = true;

    fn channel(_: T) -> Channel {
        Channel::Encoded
    }

    #[inline(always)]
    fn encode<V: Vectors>(vectors: V, words: &mut [T], at: usize, len: usize, _: u64, pre: &[T]) {
        vectors.save(&mut words[at..at + len], pre);
    }

    #[inline(always)]
    fn signs<V: Vectors>(vectors: V, words: &[T], at: usize, len: usize, _: &[T]) -> u64 {
        vectors.signs(&words[at..at + len])
    }

    #[inline(always)]
    fn basis<'a>(words: &'a [T], at: usize, len: usize, _: &'a [T]) -> &'a [T] {
        &words[at..at + len]
    }
}

/// No words at all: the sign is read off the output, where the slope is safely positive.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignOfOutput;

impl<T: Element> Codec<T> for SignOfOutput {
    type Word = ();
    const LANES: usize = 1;
    const BASIS: Basis = Basis::Output;
    const COMPARED: bool = true;

    fn channel(slope: T) -> Channel {
        if slope.positive() && slope.invertible() { Channel::Derived } else { Channel::Kept }
    }

    fn frozen_channel(slope: T) -> Channel {
        if slope >= T::default() { Channel::Derived } else { Channel::Kept }
    }

    #[inline(always)]
    fn encode<V: Vectors>(_: V, _: &mut [()], _: usize, _: usize, _: u64, _: &[T]) {}

    #[inline(always)]
    fn signs<V: Vectors>(vectors: V, _: &[()], _: usize, _: usize, output: &[T]) -> u64 {
        vectors.signs(output)
    }

    #[inline(always)]
    fn basis<'a>(_: &'a [()], _: usize, _: usize, output: &'a [T]) -> &'a [T] {
        output
    }
}
