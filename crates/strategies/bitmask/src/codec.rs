//! The sign as a bit: set on the positive branch. Element `p` is bit `p % 64` of word `p / 64`.

use bitvec::order::Lsb0;
use bitvec::slice::BitSlice;
use prelu_mem_core::{Basis, Channel, Codec, Element, Vectors};

const BITS: usize = u64::BITS as usize;

/// One bit per element, 64 to a word, the lowest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignBits;

/// The first `len` signs of saved words, to look at. The loops work on the words themselves.
///
/// # Panics
/// Where `words` hold fewer than `len` bits.
pub fn bits(words: &[u64], len: usize) -> &BitSlice<u64, Lsb0> {
    &BitSlice::from_slice(words)[..len]
}

prelu_mem_cuda::device_codec!(SignBits, "../cuda");

impl<T: Element> Codec<T> for SignBits {
    type Word = u64;
    const LANES: usize = BITS;
    const BASIS: Basis = Basis::Output;

    fn channel(slope: T) -> Channel {
        if slope.invertible() { Channel::Encoded } else { Channel::Kept }
    }

    #[inline(always)]
    fn encode<V: Vectors>(_: V, words: &mut [u64], at: usize, len: usize, signs: u64, _: &[T]) {
        let (word, shift) = (at / BITS, at % BITS);
        if shift == 0 {
            words[word] = signs;
            return;
        }
        words[word] |= signs << shift;
        if shift + len > BITS {
            words[word + 1] = signs >> (BITS - shift);
        }
    }

    #[inline(always)]
    fn signs<V: Vectors>(_: V, words: &[u64], at: usize, len: usize, _: &[T]) -> u64 {
        let (word, shift) = (at / BITS, at % BITS);
        let low = words[word] >> shift;
        if shift + len > BITS { low | words[word + 1] << (BITS - shift) } else { low }
    }

    #[inline(always)]
    fn basis<'a>(_: &'a [u64], _: usize, _: usize, output: &'a [T]) -> &'a [T] {
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_the_signs_at_any_offset() {
        let x: Vec<f32> = (0..200).map(|i| ((i * 37 % 23) as f32) - 11.0).collect();
        let vectors = prelu_mem_core::vectors::portable();
        for piece in [1, 7, 49, 63, 64] {
            let mut words = vec![u64::MAX; 200_usize.div_ceil(BITS)];
            for (index, pre) in x.chunks(piece).enumerate() {
                let bit = |(lane, &x): (usize, &f32)| u64::from(x > 0.0) << lane;
                let signs = pre.iter().enumerate().map(bit).sum();
                let len = pre.len();
                <SignBits as Codec<f32>>::encode(
                    vectors,
                    &mut words,
                    index * piece,
                    len,
                    signs,
                    &[],
                );
            }
            let expected: Vec<bool> = x.iter().map(|&x| x > 0.0).collect();
            assert_eq!(bits(&words, 200).iter().by_vals().collect::<Vec<_>>(), expected, "{piece}");
            for at in 0..200 - piece {
                let signs = <SignBits as Codec<f32>>::signs(vectors, &words, at, piece, &[]);
                for lane in 0..piece {
                    assert_eq!(signs >> lane & 1 == 1, expected[at + lane], "{at} {lane} {piece}");
                }
            }
        }
    }
}
