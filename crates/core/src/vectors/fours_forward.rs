//! Forward's passes over a chunk of `f32` or `f64` in plain Rust, as [`super::fours`].

use super::fours::FOUR;
use super::{CHUNK, ChunkSlopes, LANES};
use crate::element::{Element, Wide};

const EIGHT: usize = 8;

/// See [`super::Vectors::signs`]: sums of powers of two, which LLVM adds up in vectors.
#[inline(always)]
pub(super) fn signs<T: Element>(x: &[T]) -> u64 {
    let (rows, rest) = x.as_chunks::<LANES>();
    let (mut bits, mut at) = (0, 0);
    for row in rows {
        let mut sum = 0;
        for (lane, x) in row.iter().enumerate() {
            sum += if x.positive() { 1_u32 << lane } else { 0 };
        }
        bits |= u64::from(sum) << at;
        at += LANES;
    }
    for x in rest {
        bits |= u64::from(x.positive()) << at;
        at += 1;
    }
    bits
}

/// [`signs`] and [`activate`], eight elements at a time: LLVM makes more of it where two elements are a vector.
#[inline(always)]
pub(super) fn activate_eights<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    let (rows, rest) = x.as_chunks_mut::<LANES>();
    let (mut bits, mut at) = (0, 0);
    // Two eights to a pass: those of one LLVM makes vectors of across passes, and shuffles.
    for row in rows {
        if let ([low, high], []) = row.as_chunks_mut() {
            let low = activated_eight(low, slopes.group(at));
            let high = activated_eight(high, slopes.group(at + EIGHT));
            bits |= (low | high << EIGHT) << at;
        }
        at += LANES;
    }
    for x in rest {
        bits |= u64::from(x.positive()) << at;
        *x = activated_one(*x, slopes.lane(at));
        at += 1;
    }
    bits
}

/// Returns the signs of what `x` were.
#[inline(always)]
fn activated_eight<T: Element>(x: &mut [T; EIGHT], slopes: [T::Wide; EIGHT]) -> u64 {
    // The factor's bits 56, 49, .. 7 bring byte `i`'s lowest bit to bit `56 + i`, and no two sums meet in a
    // bit below that.
    const SPREAD: u64 = 0x0102_0408_1020_4080;
    let mut bytes = [0; EIGHT];
    for (byte, x) in bytes.iter_mut().zip(&*x) {
        *byte = u8::from(x.positive());
    }
    for (x, slope) in x.iter_mut().zip(slopes) {
        *x = activated(*x, slope);
    }
    u64::from_le_bytes(bytes).wrapping_mul(SPREAD) >> 56
}

/// See [`super::Vectors::activate`]; the signs are taken beforehand.
#[inline(always)]
pub(super) fn activate<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) {
    if let ([chunk], []) = x.as_chunks_mut::<CHUNK>() {
        for (lane, x) in chunk.iter_mut().enumerate() {
            *x = activated(*x, slopes.lane(lane));
        }
        return;
    }
    let (fours, rest) = x.as_chunks_mut::<FOUR>();
    let mut at = 0;
    for four in fours {
        let slope = slopes.group::<FOUR>(at);
        for (x, slope) in four.iter_mut().zip(slope) {
            *x = activated(*x, slope);
        }
        at += FOUR;
    }
    for x in rest {
        *x = activated_one(*x, slopes.lane(at));
        at += 1;
    }
}

#[inline(always)]
fn activated<T: Element>(x: T, slope: T::Wide) -> T {
    let x = x.widen();
    T::narrow(x * if x > T::Wide::ZERO { T::Wide::ONE } else { slope })
}

/// Of one element alone a choice between numbers is a branch that nobody can foresee.
#[inline(always)]
fn activated_one<T: Element>(x: T, slope: T::Wide) -> T {
    let positive = u64::from(x.positive()).wrapping_neg();
    T::narrow(x.widen() * T::Wide::ONE.or_else(positive, slope))
}
