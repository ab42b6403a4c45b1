//! The sign as a bit: set on the positive branch. Element `p` is bit `p % 64` of word `p / 64`.

use bitvec::order::Lsb0;
use bitvec::slice::BitSlice;
use prelu_mem_core::{Basis, Channel, Codec, Decoded, Element};

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
    type Lanes<'a> = u64;
    const LANES: usize = BITS;
    const BASIS: Basis = Basis::Output;

    fn channel(slope: T) -> Channel {
        if slope.invertible() { Channel::Encoded } else { Channel::Kept }
    }

    #[inline(always)]
    fn encode(words: &mut [u64], at: usize, pre: &[T]) {
        let packed = pack(pre);
        let (word, shift) = (at / BITS, at % BITS);
        if shift == 0 {
            words[word] = packed;
            return;
        }
        words[word] |= packed << shift;
        if shift + pre.len() > BITS {
            words[word + 1] = packed >> (BITS - shift);
        }
    }

    #[inline(always)]
    fn lanes(words: &[u64], at: usize, len: usize) -> u64 {
        let (word, shift) = (at / BITS, at % BITS);
        let low = words[word] >> shift;
        if shift + len > BITS { low | words[word + 1] << (BITS - shift) } else { low }
    }

    #[inline(always)]
    fn decode(lanes: u64, lane: usize, output: T) -> Decoded<T> {
        Decoded { positive: lanes >> lane & 1 == 1, basis: output }
    }
}

/// The signs of up to 64 elements, the first in the lowest bit.
///
/// A sign per byte first, which vectorises; then eight bytes of 0 or 1 become eight bits by one
/// multiplication: the factor's bits 56, 49, .. 7 bring byte `i`'s lowest bit to bit `56 + i`, and
/// no two sums meet in a bit below that.
#[inline(always)]
fn pack<T: Element>(pre: &[T]) -> u64 {
    const SPREAD: u64 = 0x0102_0408_1020_4080;
    let mut signs = [0_u8; BITS];
    for (sign, x) in signs.iter_mut().zip(pre) {
        *sign = u8::from(x.positive());
    }
    let (eights, _) = signs.as_chunks::<8>();
    eights.iter().enumerate().fold(0, |packed, (byte, &eight)| {
        packed | (u64::from_le_bytes(eight).wrapping_mul(SPREAD) >> 56) << (8 * byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_the_signs_at_any_offset() {
        let x: Vec<f32> = (0..200).map(|i| ((i * 37 % 23) as f32) - 11.0).collect();
        for piece in [1, 7, 49, 63, 64] {
            let mut words = vec![u64::MAX; 200_usize.div_ceil(BITS)];
            for (index, pre) in x.chunks(piece).enumerate() {
                <SignBits as Codec<f32>>::encode(&mut words, index * piece, pre);
            }
            let expected: Vec<bool> = x.iter().map(|&x| x > 0.0).collect();
            assert_eq!(bits(&words, 200).iter().by_vals().collect::<Vec<_>>(), expected, "{piece}");
            for at in 0..200 - piece {
                let lanes = <SignBits as Codec<f32>>::lanes(&words, at, piece);
                for lane in 0..piece {
                    let decoded = <SignBits as Codec<f32>>::decode(lanes, lane, 5.0);
                    assert_eq!(decoded.positive, expected[at + lane], "{at} {lane} {piece}");
                    assert_eq!(decoded.basis, 5.0);
                }
            }
        }
    }
}
