//! Plain Rust, which vectorises as far as the target's instructions go.

use super::{CHUNK, Sealed, Vectors};
use crate::element::Element;

/// What every processor of the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Sealed for Portable {}

impl Vectors for Portable {
    #[inline(always)]
    fn save_chunk<T: Element>(self, to: &mut [T; CHUNK], from: &[T; CHUNK]) {
        *to = *from;
    }

    #[inline(always)]
    fn finish_saving(self) {}

    #[inline(always)]
    fn close_up(self, bits: u64, mut mask: u64) -> u64 {
        let (mut closed, mut place) = (0, 0);
        while mask != 0 {
            closed |= (bits >> mask.trailing_zeros() & 1) << place;
            mask &= mask - 1;
            place += 1;
        }
        closed
    }

    #[inline(always)]
    fn put_back(self, bits: u64, mut mask: u64) -> u64 {
        let (mut spread, mut place) = (0, 0);
        while mask != 0 {
            spread |= (bits >> place & 1) << mask.trailing_zeros();
            mask &= mask - 1;
            place += 1;
        }
        spread
    }

    #[inline(always)]
    fn signs_of_chunk<T: Element>(self, x: &[T; CHUNK]) -> u64 {
        pack(x.map(|x| u8::from(x.positive())))
    }

    #[inline(always)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64 {
        pack(bytes.map(|byte| u8::from(byte != 0)))
    }
}

/// Bytes of 0 or 1 as bits, the first in the lowest.
///
/// Eight bytes become eight bits by one multiplication: the factor's bits 56, 49, .. 7 bring byte
/// `i`'s lowest bit to bit `56 + i`, and no two sums meet in a bit below that.
#[inline(always)]
fn pack(signs: [u8; CHUNK]) -> u64 {
    const SPREAD: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = signs.as_chunks::<8>();
    eights.iter().enumerate().fold(0, |packed, (byte, &eight)| {
        packed | (u64::from_le_bytes(eight).wrapping_mul(SPREAD) >> 56) << (8 * byte)
    })
}
