//! The bit mask's words, for the channels that need them.

use prelu_mem_bitmask::SignBits;
use prelu_mem_core::{Basis, Channel, Codec, Decoded, Element};

/// [`SignBits`] for negative slopes alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastBits;

impl<T: Element> Codec<T> for LeastBits {
    type Word = u64;
    type Lanes<'a> = u64;
    const LANES: usize = <SignBits as Codec<T>>::LANES;
    const BASIS: Basis = Basis::Output;

    fn channel(slope: T) -> Channel {
        match slope.invertible() {
            true if slope.positive() => Channel::Derived,
            true => Channel::Encoded,
            false => Channel::Kept,
        }
    }

    #[inline(always)]
    fn encode(words: &mut [u64], at: usize, pre: &[T]) {
        SignBits::encode(words, at, pre);
    }

    #[inline(always)]
    fn lanes(words: &[u64], at: usize, len: usize) -> u64 {
        <SignBits as Codec<T>>::lanes(words, at, len)
    }

    #[inline(always)]
    fn decode(lanes: u64, lane: usize, output: T) -> Decoded<T> {
        SignBits::decode(lanes, lane, output)
    }
}
