//! Backward's passes over a chunk of `f32` or `f64` in plain Rust, four elements at a time from memory to memory: LLVM
//! makes vectors of four lanes, or two of two, of every line, and arrays of a chunk by value would be copied.
//!
//! What is added to sums that are not to change is 0.

use super::plain::mask;
use super::{ChunkSlopes, Columns, LANES, Lanes, Piece};
use crate::accumulator::Accumulator;
use crate::element::{Element, Wide};

pub(super) const FOUR: usize = 4;

/// See [`super::Vectors::propagate`].
#[inline(always)]
pub(super) fn propagate<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    let (mut at, len) = (0, piece.len());
    while at + FOUR <= len {
        let (g, positive) = (piece.upstream_at::<FOUR>(at), positive_four(piece, at, signs));
        piece.set_input_gradient_at(at, scaled(g, &positive, slopes.group::<FOUR>(at)));
        at += FOUR;
    }
    while at < len {
        let [g] = piece.upstream_at(at);
        let factor = T::Wide::ONE.or_else(positive_one(piece, at, signs), slopes.lane(at));
        piece.set_input_gradient_at(at, [T::narrow(g.widen() * factor)]);
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
        let terms = propagated_four(piece, at, signs, slopes);
        add_four::<T>(&mut lanes.sums, &mut lanes.lost, at % LANES, terms);
        at += FOUR;
    }
    while at < len {
        let (lane, term) = (at % LANES, propagated_one(piece, at, signs, slopes));
        T::Accumulator::add(&mut lanes.sums[lane], &mut lanes.lost[lane], term);
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
    while at + LANES <= len {
        // Sixteen at a time: loops over four LLVM makes vectors of across their passes, and shuffles.
        for at in [at, at + 4, at + 8, at + 12] {
            let terms = propagated_four(piece, at, signs, slopes);
            add_four::<T>(&mut columns.sums, &mut columns.lost, at, terms);
        }
        at += LANES;
    }
    while at < len {
        let term = propagated_one(piece, at, signs, slopes);
        T::Accumulator::add(&mut columns.sums[at], &mut columns.lost[at], term);
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
    let (rows, rest) = row[..len].as_chunks_mut::<LANES>();
    for row in rows {
        for (four, sums) in row.as_chunks_mut::<FOUR>().0.iter_mut().enumerate() {
            let terms = propagated_four(piece, at + FOUR * four, signs, slopes);
            for (sum, term) in sums.iter_mut().zip(terms) {
                sum.add_term(term);
            }
        }
        at += LANES;
    }
    for sum in rest {
        sum.add_term(propagated_one(piece, at, signs, slopes));
        at += 1;
    }
}

/// Writes the input gradient of elements `at .. at + 4` of a chunk, and returns their terms.
#[inline(always)]
fn propagated_four<T: Element>(
    piece: &mut Piece<'_, T>,
    at: usize,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) -> [f64; FOUR] {
    let (g, basis) = (piece.upstream_at::<FOUR>(at), piece.basis_at::<FOUR>(at));
    let positive = positive_four(piece, at, signs);
    let mut terms = [0.0; FOUR];
    for (lane, term) in terms.iter_mut().enumerate() {
        *term = f64::from_bits(product(g[lane], basis[lane]).to_bits() & !positive[lane]);
    }
    piece.set_input_gradient_at(at, scaled(g, &positive, slopes.group::<FOUR>(at)));
    terms
}

/// The same of one element.
#[inline(always)]
fn propagated_one<T: Element>(
    piece: &mut Piece<'_, T>,
    at: usize,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) -> f64 {
    let ([g], [basis]) = (piece.upstream_at(at), piece.basis_at::<1>(at));
    let positive = positive_one(piece, at, signs);
    let factor = T::Wide::ONE.or_else(positive, slopes.lane(at));
    piece.set_input_gradient_at(at, [T::narrow(g.widen() * factor)]);
    f64::from_bits(product(g, basis).to_bits() & !positive)
}

/// All ones for those of elements `at .. at + 4` of a chunk that are positive.
#[inline(always)]
fn positive_four<T: Element>(piece: &Piece<'_, T>, at: usize, signs: u64) -> [u64; FOUR] {
    if !piece.compared() {
        return *mask(signs >> at, 0);
    }
    let mut masks = [0; FOUR];
    for (mask, x) in masks.iter_mut().zip(piece.basis_at::<FOUR>(at)) {
        *mask = u64::from(x.positive()).wrapping_neg();
    }
    masks
}

/// The same of one element.
#[inline(always)]
fn positive_one<T: Element>(piece: &Piece<'_, T>, at: usize, signs: u64) -> u64 {
    if !piece.compared() {
        return (signs >> at & 1).wrapping_neg();
    }
    let [basis] = piece.basis_at(at);
    u64::from(basis.positive()).wrapping_neg()
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

/// Adds terms to the sums from `first` on.
#[inline(always)]
fn add_four<T: Element>(sums: &mut [f64], lost: &mut [f64], first: usize, terms: [f64; FOUR]) {
    let sums = &mut sums[first..first + FOUR];
    let lost = &mut lost[first..first + FOUR];
    for ((sum, lost), term) in sums.iter_mut().zip(lost).zip(terms) {
        T::Accumulator::add(sum, lost, term);
    }
}
