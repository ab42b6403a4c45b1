//! Forward's passes over a chunk of `f32` or `f64` in plain Rust, as [`super::fours`].
//!
//! ```text
//! for each 32 elements:
//!     for each four of them:  found[lane] |= bit of the element where it is positive
//!     bits = found[0] | .. | found[3]
//! ```

use super::fours::FOUR;
use super::{CHUNK, ChunkSlopes};
use crate::element::{Element, Wide};

/// Elements whose bits fill a lane of the vector they are gathered in.
const WORD: usize = u32::BITS as usize;

/// See [`super::Vectors::signs`].
#[inline(always)]
pub(super) fn signs<T: Element>(x: &[T]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    for word in x.chunks(WORD) {
        let (mut found, first) = (Found::default(), at);
        let (fours, rest) = word.as_chunks::<FOUR>();
        for four in fours {
            found.add(four.map(|x| u64::from(x.positive()).wrapping_neg()));
            at += FOUR;
        }
        bits |= found.bits() << first;
        for x in rest {
            bits |= u64::from(x.positive()) << at;
            at += 1;
        }
    }
    bits
}

/// See [`super::Vectors::activate`].
#[inline(always)]
pub(super) fn activate<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    let (mut bits, mut at) = (0, 0);
    for word in x.chunks_mut(WORD) {
        let (mut found, first) = (Found::default(), at);
        let (fours, rest) = word.as_chunks_mut();
        for four in fours {
            found.add(activated(four, slopes.group(at)));
            at += FOUR;
        }
        bits |= found.bits() << first;
        for x in rest.as_chunks_mut::<1>().0 {
            let [mask] = activated(x, [slopes.lane(at)]);
            bits |= (mask & 1) << at;
            at += 1;
        }
    }
    bits
}

/// See [`super::Vectors::scale`].
#[inline(always)]
pub(super) fn scale<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) {
    if let ([chunk], []) = x.as_chunks_mut::<CHUNK>() {
        for (lane, x) in chunk.as_chunks_mut::<1>().0.iter_mut().enumerate() {
            activated(x, [slopes.lane(lane)]);
        }
        return;
    }
    let (mut at, (fours, rest)) = (0, x.as_chunks_mut::<FOUR>());
    for four in fours {
        activated(four, slopes.group(at));
        at += FOUR;
    }
    for x in rest.as_chunks_mut::<1>().0 {
        activated(x, [slopes.lane(at)]);
        at += 1;
    }
}

/// Masks of ones where `x` were positive.
#[inline(always)]
fn activated<const N: usize, T: Element>(x: &mut [T; N], slopes: [T::Wide; N]) -> [u64; N] {
    let mut masks = [0; N];
    for ((x, mask), slope) in x.iter_mut().zip(&mut masks).zip(slopes) {
        *mask = u64::from(x.positive()).wrapping_neg();
        *x = T::narrow(x.widen() * T::Wide::ONE.or_else(*mask, slope));
    }
    masks
}

/// The bits of fours, each lane's in its own places of a word.
struct Found {
    words: [u32; FOUR],
    /// The next four's bits.
    next: [u32; FOUR],
}

impl Default for Found {
    #[inline(always)]
    fn default() -> Self {
        Found { words: [0; FOUR], next: [1, 2, 4, 8] }
    }
}

impl Found {
    /// Takes those with masks of ones.
    #[inline(always)]
    fn add(&mut self, masks: [u64; FOUR]) {
        for ((word, next), mask) in self.words.iter_mut().zip(&mut self.next).zip(masks) {
            *word |= mask as u32 & *next;
            *next <<= FOUR;
        }
    }

    #[inline(always)]
    fn bits(self) -> u64 {
        let [a, b, c, d] = self.words;
        u64::from((a | b) | (c | d))
    }
}
