//! Two elements of a two-byte type to a word, as [`crate::half_pairs`] has them: masks of a chunk's elements.

use bytemuck::{Pod, cast};

use super::CHUNK;
use crate::element::Element;

pub(super) const WORDS: usize = CHUNK / 2;
pub(super) type Words = [u32; WORDS];

/// All ones for positive elements.
#[inline(always)]
pub(super) fn positive<T: Element>(x: &[T; CHUNK]) -> Words {
    let mut masks = [0_u16; CHUNK];
    for (mask, x) in masks.iter_mut().zip(x) {
        *mask = u16::from(x.positive()).wrapping_neg();
    }
    words(masks)
}

/// All ones for set bits.
#[inline(always)]
pub(super) fn masks(bits: u64) -> Words {
    let mut words = [0; WORDS];
    for (row, four) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *four = MASKS[(bits >> (8 * row)) as usize & 0xff];
    }
    words
}

static MASKS: [[u32; 4]; 256] = {
    let mut masks = [[0; 4]; 256];
    let mut bits = 0;
    while bits < 256 {
        let mut lane = 0;
        while lane < 8 {
            let ones = (bits as u32 >> lane & 1) * 0xffff;
            masks[bits][lane / 2] |= ones << (16 * (lane % 2));
            lane += 1;
        }
        bits += 1;
    }
    masks
};

/// Set bits for masks of ones.
#[inline(always)]
pub(super) fn bits(masks: &Words) -> u64 {
    let mut found = Found::default();
    for at in 0..WORDS / 2 {
        found.add(at, [masks[at], masks[at + WORDS / 2]]);
    }
    found.bits()
}

/// The bits of masks, of 32 elements in a word.
#[derive(Default)]
pub(super) struct Found([u32; 2]);

impl Found {
    /// Takes words `at` and `at + WORDS / 2`.
    #[inline(always)]
    pub(super) fn add(&mut self, at: usize, masks: [u32; 2]) {
        self.0[0] |= masks[0] & PLACES[at];
        self.0[1] |= masks[1] & PLACES[at];
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        let [first, second] = self.0.map(|bits| {
            let (lower, upper) = (bits & 0xffff, bits >> 16);
            (lower & 0x5555 | upper & 0xaaaa) | (lower >> 1 & 0x5555 | upper << 1 & 0xaaaa) << 16
        });
        u64::from(first) | u64::from(second) << 32
    }
}

/// Of 16 words the first eight have bits `2 * i` and `2 * i + 1` of the halves, the others the bits that those leave
/// free.
const PLACES: [u32; WORDS / 2] = {
    let mut places = [0; WORDS / 2];
    let mut at = 0;
    while at < 8 {
        places[at] = (1 | 2 << 16) << (2 * at);
        places[at + 8] = (2 | 1 << 16) << (2 * at);
        at += 1;
    }
    places
};

/// The words of pairs of elements.
#[inline(always)]
fn words<T: Pod>(elements: [T; CHUNK]) -> Words {
    let words: Words = cast(elements);
    if cfg!(target_endian = "big") { words.map(|word| word.rotate_left(16)) } else { words }
}

/// The word of a pair.
#[inline(always)]
pub(super) fn word<T: Pod>(pair: [T; 2]) -> u32 {
    let word: u32 = cast(pair);
    if cfg!(target_endian = "big") { word.rotate_left(16) } else { word }
}

/// The pair of a word.
#[inline(always)]
pub(super) fn elements<T: Pod>(word: u32) -> [T; 2] {
    cast(if cfg!(target_endian = "big") { word.rotate_left(16) } else { word })
}
