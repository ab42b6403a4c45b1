//! The sign as a byte: 1 on the positive branch, 0 on the slope's.

use prelu_mem_core::{Basis, Channel, Codec, Element, Vectors};

/// One [`i8`] per element.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignByte;

prelu_mem_cuda::device_codec!(SignByte, "../cuda");

impl<T: Element> Codec<T> for SignByte {
    type Word = i8;
    const LANES: usize = 1;
    const BASIS: Basis = Basis::Output;

    fn channel(slope: T) -> Channel {
        if slope.invertible() { Channel::Encoded } else { Channel::Kept }
    }

    #[inline(always)]
    fn encode<V: Vectors>(
        vectors: V,
        words: &mut [i8],
        at: usize,
        len: usize,
        signs: u64,
        _: &[T],
    ) {
        vectors.write_bytes(signs, &mut words[at..at + len]);
    }

    #[inline(always)]
    fn signs<V: Vectors>(vectors: V, words: &[i8], at: usize, len: usize, _: &[T]) -> u64 {
        vectors.set_bytes(&words[at..at + len])
    }

    #[inline(always)]
    fn basis<'a>(_: &'a [i8], _: usize, _: usize, output: &'a [T]) -> &'a [T] {
        output
    }
}
