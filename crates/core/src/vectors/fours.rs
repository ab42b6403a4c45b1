//! The passes over a chunk of `f32` or `f64` in plain Rust, four elements at a time from memory to memory: LLVM
//! makes vectors of four lanes, or two of two, of every line, and arrays of a chunk by value would be copied.
//!
//! What is added to sums that are not to change is 0.

use super::plain::mask;
use super::{CHUNK, ChunkSlopes, Columns, LANES, Lanes, Piece, bit};
use crate::accumulator::Accumulator;
use crate::element::{Element, Wide};

const FOUR: usize = 4;
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

/// [`signs`] and [`activate`] of a whole chunk, eight elements at a time: LLVM makes more of it where
/// two elements are a vector.
#[inline(always)]
pub(super) fn activate_chunk<T: Element>(
    x: &mut [T; CHUNK],
    slopes: &impl ChunkSlopes<T::Wide>,
) -> u64 {
    // The factor's bits 56, 49, .. 7 bring byte `i`'s lowest bit to bit `56 + i`, and no two sums meet in a
    // bit below that.
    const SPREAD: u64 = 0x0102_0408_1020_4080;
    let (mut bits, mut at) = (0, 0);
    for eight in x.as_chunks_mut::<EIGHT>().0 {
        let (pre, slope) = (*eight, slopes.group::<EIGHT>(at));
        let mut bytes = [0; EIGHT];
        for (byte, x) in bytes.iter_mut().zip(&pre) {
            *byte = u8::from(x.positive());
        }
        bits |= (u64::from_le_bytes(bytes).wrapping_mul(SPREAD) >> 56) << at;
        for (lane, y) in eight.iter_mut().enumerate() {
            *y = activated(pre[lane], slope[lane]);
        }
        at += EIGHT;
    }
    bits
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
        *x = activated(*x, slopes.lane(at));
        at += 1;
    }
}

/// See [`super::Vectors::propagate`].
#[inline(always)]
pub(super) fn propagate<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    let (mut at, len) = (0, piece.len());
    while at + FOUR <= len {
        let (g, positive) = (piece.upstream_at::<FOUR>(at), mask(signs >> at, 0));
        piece.set_input_gradient_at(at, scaled(g, positive, slopes.group::<FOUR>(at)));
        at += FOUR;
    }
    while at < len {
        let [g] = piece.upstream_at(at);
        let factor = if bit(signs, at) { T::Wide::ONE } else { slopes.lane(at) };
        piece.set_input_gradient_at(at, [T::narrow(g.widen() * factor)]);
        at += 1;
    }
}

/// See [`super::Vectors::sum`].
#[inline(always)]
pub(super) fn sum<T: Element>(piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
    let (mut at, len) = (0, piece.len());
    while at + FOUR <= len {
        let (g, basis) = (piece.upstream_at::<FOUR>(at), piece.basis_at(at));
        let terms = terms(g, basis, mask(which >> at, 0));
        add_four::<T>(&mut lanes.sums, &mut lanes.lost, at % LANES, terms);
        at += FOUR;
    }
    while at < len {
        let lane = at % LANES;
        add_one(piece, at, bit(which, at), &mut lanes.sums[lane], &mut lanes.lost[lane]);
        at += 1;
    }
}

/// See [`super::Vectors::backward`].
#[inline(always)]
pub(super) fn backward<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
    lanes: &mut Lanes,
) {
    let (mut at, len) = (0, piece.len());
    while at + FOUR <= len {
        let (g, basis) = (piece.upstream_at::<FOUR>(at), piece.basis_at(at));
        let terms = terms(g, basis, mask(!signs >> at, 0));
        add_four::<T>(&mut lanes.sums, &mut lanes.lost, at % LANES, terms);
        let dx = scaled(g, mask(signs >> at, 0), slopes.group::<FOUR>(at));
        piece.set_input_gradient_at(at, dx);
        at += FOUR;
    }
    while at < len {
        let [g] = piece.upstream_at(at);
        let positive = bit(signs, at);
        let lane = at % LANES;
        add_one(piece, at, !positive, &mut lanes.sums[lane], &mut lanes.lost[lane]);
        let factor = if positive { T::Wide::ONE } else { slopes.lane(at) };
        piece.set_input_gradient_at(at, [T::narrow(g.widen() * factor)]);
        at += 1;
    }
}

/// See [`super::Vectors::backward_columns`].
#[inline(always)]
pub(super) fn backward_columns<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
    columns: &mut Columns,
) {
    let (mut at, len) = (0, piece.len());
    while at + FOUR <= len {
        let (g, basis) = (piece.upstream_at::<FOUR>(at), piece.basis_at(at));
        let terms = terms(g, basis, mask(!signs >> at, 0));
        add_four::<T>(&mut columns.sums, &mut columns.lost, at, terms);
        let dx = scaled(g, mask(signs >> at, 0), slopes.group::<FOUR>(at));
        piece.set_input_gradient_at(at, dx);
        at += FOUR;
    }
    while at < len {
        let [g] = piece.upstream_at(at);
        let positive = bit(signs, at);
        add_one(piece, at, !positive, &mut columns.sums[at], &mut columns.lost[at]);
        let factor = if positive { T::Wide::ONE } else { slopes.lane(at) };
        piece.set_input_gradient_at(at, [T::narrow(g.widen() * factor)]);
        at += 1;
    }
}

/// See [`super::Vectors::backward_row`].
#[inline(always)]
pub(super) fn backward_row<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
    row: &mut [T::Accumulator],
) {
    let (mut at, len) = (0, piece.len());
    let (fours, rest) = row[..len].as_chunks_mut::<FOUR>();
    for sums in fours {
        let (g, basis) = (piece.upstream_at::<FOUR>(at), piece.basis_at(at));
        let terms = terms(g, basis, mask(!signs >> at, 0));
        for (sum, term) in sums.iter_mut().zip(terms) {
            sum.add_term(term);
        }
        let dx = scaled(g, mask(signs >> at, 0), slopes.group::<FOUR>(at));
        piece.set_input_gradient_at(at, dx);
        at += FOUR;
    }
    for sum in rest {
        let ([g], [basis]) = (piece.upstream_at(at), piece.basis_at(at));
        let positive = bit(signs, at);
        sum.add_term(if positive { 0.0 } else { product(g, basis) });
        let factor = if positive { T::Wide::ONE } else { slopes.lane(at) };
        piece.set_input_gradient_at(at, [T::narrow(g.widen() * factor)]);
        at += 1;
    }
}

#[inline(always)]
fn activated<T: Element>(x: T, slope: T::Wide) -> T {
    let x = x.widen();
    T::narrow(x * if x > T::Wide::ZERO { T::Wide::ONE } else { slope })
}

#[inline(always)]
fn scaled<T: Element>(g: [T; FOUR], positive: &[u64; FOUR], slopes: [T::Wide; FOUR]) -> [T; FOUR] {
    let mut dx = g;
    for (lane, dx) in dx.iter_mut().enumerate() {
        *dx = T::narrow(dx.widen() * T::Wide::ONE.or_else(positive[lane], slopes[lane]));
    }
    dx
}

#[inline(always)]
fn product<T: Element>(g: T, basis: T) -> f64 {
    T::Accumulator::product(g.widen(), basis.widen())
}

#[inline(always)]
fn terms<T: Element>(g: [T; FOUR], basis: [T; FOUR], which: &[u64; FOUR]) -> [f64; FOUR] {
    let mut terms = [0.0; FOUR];
    for (lane, term) in terms.iter_mut().enumerate() {
        let bits = product(g[lane], basis[lane]).to_bits();
        *term = f64::from_bits(bits & which[lane]);
    }
    terms
}

/// Adds terms to the sums from `first` on.
#[inline(always)]
fn add_four<T: Element>(sums: &mut [f64], lost: &mut [f64], first: usize, terms: [f64; FOUR]) {
    let sums = &mut sums[first..first + FOUR];
    let lost = &mut lost[first..first + FOUR];
    for ((sum, lost), term) in sums.iter_mut().zip(lost).zip(terms) {
        T::Accumulator::add(sum, lost, term);
    }
}

/// Adds the term of element `at`, or 0.
#[inline(always)]
fn add_one<T: Element>(
    piece: &Piece<'_, T>,
    at: usize,
    which: bool,
    sum: &mut f64,
    lost: &mut f64,
) {
    let ([g], [basis]) = (piece.upstream_at(at), piece.basis_at(at));
    T::Accumulator::add(sum, lost, if which { product(g, basis) } else { 0.0 });
}
