//! Plain Rust, which vectorises as far as the target's instructions go.

use half::f16;

use super::{CHUNK, LANES, Lanes, Sealed, Vectors, bit};
use crate::accumulator::{Accumulator, Twofold};
use crate::element::Element;
use crate::half_width::{narrow_f16, widen_f16};

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
    fn signs_f32(self, x: &[f32; CHUNK]) -> u64 {
        pack(x.map(|x| u8::from(x > 0.0)))
    }

    #[inline(always)]
    fn signs_f64(self, x: &[f64; CHUNK]) -> u64 {
        pack(x.map(|x| u8::from(x > 0.0)))
    }

    #[inline(always)]
    fn signs_half(self, x: &[i16; CHUNK], infinity: i16) -> u64 {
        pack(x.map(|x| u8::from(x > 0) & u8::from(x <= infinity)))
    }

    #[inline(always)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64 {
        pack(bytes.map(|byte| u8::from(byte != 0)))
    }

    #[inline(always)]
    fn widen_f16(self, x: &[f16; CHUNK]) -> [f32; CHUNK] {
        x.map(widen_f16)
    }

    #[inline(always)]
    fn narrow_f16(self, x: &[f32; CHUNK]) -> [f16; CHUNK] {
        x.map(narrow_f16)
    }

    #[inline(always)]
    fn add_f32_to_lanes(
        self,
        sums: &mut [f64; LANES],
        g: &[f32; CHUNK],
        b: &[f32; CHUNK],
        which: u64,
    ) {
        let terms = terms(g.map(f64::from), b.map(f64::from), which);
        self.add_plain_terms_to_lanes(sums, &terms, u64::MAX);
    }

    #[inline(always)]
    fn add_plain_terms_to_lanes(self, sums: &mut [f64; LANES], terms: &[f64; CHUNK], which: u64) {
        let (rows, _) = terms.as_chunks::<LANES>();
        for (index, row) in rows.iter().enumerate() {
            for (lane, (sum, &term)) in sums.iter_mut().zip(row).enumerate() {
                *sum += if bit(which, index * LANES + lane) { term } else { 0.0 };
            }
        }
    }

    #[inline(always)]
    fn add_twofold_terms_to_lanes(self, lanes: &mut Lanes, terms: &[f64; CHUNK], which: u64) {
        let (rows, _) = terms.as_chunks::<LANES>();
        for (index, row) in rows.iter().enumerate() {
            for (lane, &term) in row.iter().enumerate() {
                let term = if bit(which, index * LANES + lane) { term } else { 0.0 };
                Twofold::add(&mut lanes.sums[lane], &mut lanes.lost[lane], term);
            }
        }
    }

    #[inline(always)]
    fn add_f32_to_row(
        self,
        row: &mut [f64; CHUNK],
        g: &[f32; CHUNK],
        b: &[f32; CHUNK],
        which: u64,
    ) {
        let terms = terms(g.map(f64::from), b.map(f64::from), which);
        for (sum, term) in row.iter_mut().zip(terms) {
            *sum += term;
        }
    }
}

#[inline(always)]
fn terms(g: [f64; CHUNK], b: [f64; CHUNK], which: u64) -> [f64; CHUNK] {
    std::array::from_fn(|lane| if bit(which, lane) { g[lane] * b[lane] } else { 0.0 })
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
