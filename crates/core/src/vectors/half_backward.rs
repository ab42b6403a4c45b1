//! Sums of a chunk of a two-byte type in plain Rust, as [`super::half_sums`] has them, in words of two elements, and
//! backward, which propagates besides ([`super::half_scale`]). Where `f16` elements are not all finite, or `f32` does not
//! hold a chunk's sums, they are [`super::plain`]'s.

use super::half_scale::{convertible, scale_others};
use super::half_sums::TOO_LARGE;
use super::half_words::{WORDS, Words, bits, masks, positive, word};
use super::{CHUNK, ChunkSlopes, LANES, Lanes, Piece, Portable, Vectors, half_sums, plain};
use crate::element::{Dtype, Element};
use crate::half_pairs::{Bf16, F16, Pair};

/// See [`super::Vectors::sum`].
#[inline(always)]
pub(super) fn sum<T: Element>(piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
    match piece.factors_of_whole() {
        Some((g, basis)) => sum_whole(g, basis, which, lanes),
        None => sum_whole(&piece.upstream(), &piece.basis(), which, lanes),
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
    in_place(piece, |gradient, basis, compared| {
        if compared {
            backward_whole::<true, T>(gradient, basis, signs, slopes, lanes);
        } else {
            backward_whole::<false, T>(gradient, basis, signs, slopes, lanes);
        }
    });
}

/// See [`super::Vectors::backward_fours`]; the fours of first elements of words lie before those of second ones.
#[inline(always)]
pub(super) fn backward_fours<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
    fours: &mut [f32; CHUNK],
    sums: &mut [f64; CHUNK],
) {
    in_place(piece, |gradient, basis, compared| {
        if compared {
            row_whole::<true, T>(gradient, basis, signs, slopes, (fours, sums));
        } else {
            row_whole::<false, T>(gradient, basis, signs, slopes, (fours, sums));
        }
    });
}

/// A pass over a whole chunk, of which others are copies.
#[inline(always)]
fn in_place<T: Element>(
    piece: &mut Piece<'_, T>,
    pass: impl FnOnce(&mut [T; CHUNK], &[T; CHUNK], bool),
) {
    let compared = piece.compared();
    if let Some((gradient, basis)) = piece.whole_and_basis() {
        return pass(gradient, basis, compared);
    }
    let (mut gradient, basis) = (piece.upstream(), piece.basis());
    pass(&mut gradient, &basis, compared);
    piece.set_input_gradient(gradient);
}

/// See [`super::Vectors::add_fours`].
#[inline(always)]
pub(super) fn add_fours(fours: &mut [f32; CHUNK], sums: &mut [f64; CHUNK]) {
    for (at, pair) in sums.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        pair[0] += f64::from(fours[at]);
        pair[1] += f64::from(fours[at + WORDS]);
    }
    *fours = [0.0; CHUNK];
}

// Not inlined: at a function's beginning LLVM knows that its arguments do not overlap, and copies nothing.

/// `signs` are not looked at where the basis is `COMPARED`.
#[inline(never)]
fn backward_whole<const COMPARED: bool, T: Element>(
    gradient: &mut [T; CHUNK],
    basis: &[T; CHUNK],
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
    lanes: &mut Lanes,
) {
    let positive = if COMPARED { positive(basis) } else { masks(signs) };
    add_sums(gradient, basis, &positive, lanes);
    scale_others(gradient, &positive, slopes);
}

#[inline(never)]
fn row_whole<const COMPARED: bool, T: Element>(
    gradient: &mut [T; CHUNK],
    basis: &[T; CHUNK],
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
    (fours, sums): (&mut [f32; CHUNK], &mut [f64; CHUNK]),
) {
    let positive = if COMPARED { positive(basis) } else { masks(signs) };
    add_row(gradient, basis, &positive, fours, sums);
    scale_others(gradient, &positive, slopes);
}

#[inline(never)]
fn sum_whole<T: Element>(g: &[T; CHUNK], basis: &[T; CHUNK], which: u64, lanes: &mut Lanes) {
    add_sums(g, basis, &masks(!which), lanes);
}

/// Adds the terms of elements that are not `positive`.
#[inline(always)]
fn add_sums<T: Element>(g: &[T; CHUNK], basis: &[T; CHUNK], positive: &Words, lanes: &mut Lanes) {
    if T::DTYPE == Dtype::F16 && convertible(g) && convertible(basis) {
        let sums = sums_f16(g, basis, positive);
        for (pair, sums) in lanes.sums.as_chunks_mut::<2>().0.iter_mut().zip(sums) {
            pair[0] += f64::from(sums[0]);
            pair[1] += f64::from(sums[1]);
        }
        return;
    }
    if T::DTYPE == Dtype::Bf16 {
        let sums = sums_bf16(g, basis, positive);
        let mut fits = true;
        for sum in sums {
            fits &= sum.abs() < TOO_LARGE;
        }
        if fits {
            for (lane, sum) in lanes.sums.iter_mut().zip(sums) {
                *lane += f64::from(sum);
            }
            return;
        }
    }
    let (g, basis) = (Portable.widen(g), Portable.widen(basis));
    plain::add_sums::<T>(&g, &basis, !bits(positive), lanes);
}

#[inline(always)]
fn sums_f16<T: Element>(
    g: &[T; CHUNK],
    basis: &[T; CHUNK],
    positive: &Words,
) -> [[f32; 2]; LANES / 2] {
    const ROW: usize = LANES / 2;
    let mut sums = [[0.0; 2]; ROW];
    for (at, sum) in sums.iter_mut().enumerate() {
        let (a, b) = (
            products::<F16, T>(g, basis, positive, at),
            products::<F16, T>(g, basis, positive, at + ROW),
        );
        let (c, d) = (
            products::<F16, T>(g, basis, positive, at + 2 * ROW),
            products::<F16, T>(g, basis, positive, at + 3 * ROW),
        );
        *sum = [(a[0] + b[0]) + (c[0] + d[0]), (a[1] + b[1]) + (c[1] + d[1])];
    }
    sums
}

#[inline(always)]
fn sums_bf16<T: Element>(g: &[T; CHUNK], basis: &[T; CHUNK], positive: &Words) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (at, sum) in sums.iter_mut().enumerate() {
        let first = products::<Bf16, T>(g, basis, positive, at);
        let second = products::<Bf16, T>(g, basis, positive, at + LANES);
        *sum = (first[0] + first[1]) + (second[0] + second[1]);
    }
    sums
}

/// Adds a row's terms to fours, or where `f32` does not hold them to sums.
#[inline(always)]
fn add_row<T: Element>(
    g: &[T; CHUNK],
    basis: &[T; CHUNK],
    positive: &Words,
    fours: &mut [f32; CHUNK],
    sums: &mut [f64; CHUNK],
) {
    if T::DTYPE == Dtype::F16 && convertible(g) && convertible(basis) {
        *fours = with_row::<F16, T>(g, basis, positive, fours).0;
        return;
    }
    if T::DTYPE == Dtype::Bf16 {
        let (next, fits) = with_row::<Bf16, T>(g, basis, positive, fours);
        if fits {
            *fours = next;
            return;
        }
    }
    let (g, basis) = (Portable.widen(g), Portable.widen(basis));
    let mut ordered = [0.0; CHUNK];
    for (at, pair) in ordered.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        *pair = [fours[at], fours[at + WORDS]];
    }
    match half_sums::add_row::<T>(&ordered, &g, &basis, !bits(positive)) {
        Some(next) => {
            for (at, pair) in next.as_chunks::<2>().0.iter().enumerate() {
                [fours[at], fours[at + WORDS]] = *pair;
            }
        }
        None => plain::row_in_f64::<_, T>(Portable, (&g, &basis), !bits(positive), fours, sums),
    }
}

/// The fours with a row's terms, and whether all are smaller than what is left to `f64`.
#[inline(always)]
fn with_row<P: Pair, T: Element>(
    g: &[T; CHUNK],
    basis: &[T; CHUNK],
    positive: &Words,
    fours: &[f32; CHUNK],
) -> ([f32; CHUNK], bool) {
    const MAGNITUDE: u32 = u32::MAX >> 1;
    let (mut next, mut beyond) = (*fours, 0);
    for at in 0..WORDS {
        for (half, term) in products::<P, T>(g, basis, positive, at).into_iter().enumerate() {
            let sum = &mut next[at + half * WORDS];
            *sum += term;
            beyond |= (TOO_LARGE.to_bits() - 1).wrapping_sub(sum.to_bits() & MAGNITUDE);
        }
    }
    (next, beyond >> 31 == 0)
}

/// The products of a word's elements; 0 or NaN where positive, the latter where a basis is not finite.
#[inline(always)]
fn products<P: Pair, T: Element>(
    g: &[T; CHUNK],
    basis: &[T; CHUNK],
    positive: &Words,
    at: usize,
) -> [f32; 2] {
    let pair = |of: &[T; CHUNK]| word([of[2 * at], of[2 * at + 1]]);
    let (g, basis) = (P::widen(pair(g) & !positive[at]), P::widen(pair(basis)));
    [g[0] * basis[0], g[1] * basis[1]]
}
