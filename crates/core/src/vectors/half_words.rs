//! Passes over a chunk of a two-byte type in plain Rust, two elements to a word ([`crate::half_pairs`]): LLVM makes
//! vectors of words of every loop.
//!
//! Where `f16` elements are not all finite, or `f32` does not hold a chunk's sums, a pass is [`super::plain`]'s.

use bytemuck::{Pod, cast};

use super::half_sums::TOO_LARGE;
use super::slopes::As;
use super::{
    CHUNK, ChunkSlopes, LANES, Lanes, Piece, Portable, Vectors, half_sums, load, lowest, plain, store,
};
use crate::element::{Dtype, Element};
use crate::half_pairs::{Bf16, F16, Pair};

const WORDS: usize = CHUNK / 2;
type Words = [u32; WORDS];

/// See [`super::Vectors::activate`].
#[inline(always)]
pub(super) fn activate<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    let pre = load(x);
    if !convertible(&pre) {
        return activate_otherwise(x, slopes);
    }
    let (scaled, found) = scaled(&pre, &positive(&pre), slopes);
    store(scaled, x);
    found.bits()
}

/// See [`super::Vectors::scale`].
#[inline(always)]
pub(super) fn scale<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) {
    let pre = load(x);
    if convertible(&pre) {
        store(scaled(&pre, &positive(&pre), slopes).0, x);
    } else {
        activate_otherwise(x, slopes);
    }
}

/// See [`super::Vectors::signs`].
#[inline(always)]
pub(super) fn signs<T: Element>(x: &[T; CHUNK]) -> u64 {
    let (positive, mut found) = (positive(x), Found::default());
    for at in 0..WORDS / 2 {
        found.add(at, [positive[at], positive[at + WORDS / 2]]);
    }
    found.bits()
}

/// See [`super::Vectors::propagate`].
#[inline(always)]
pub(super) fn propagate<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    let upstream = piece.upstream();
    if convertible(&upstream) {
        let positive = positive_in(piece, signs);
        piece.set_input_gradient(scaled(&upstream, &positive, slopes).0);
    } else {
        propagate_otherwise(piece, signs, slopes);
    }
}

#[cold]
#[inline(never)]
fn activate_otherwise<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    plain::activate(Portable, x, slopes)
}

#[cold]
#[inline(never)]
fn propagate_otherwise<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    plain::propagate(Portable, piece, piece.signs(Portable, signs), slopes);
}

#[cold]
#[inline(never)]
fn sum_otherwise<T: Element>(piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
    plain::sum(Portable, piece, which, lanes);
}

/// See [`super::Vectors::sum`].
#[inline(always)]
pub(super) fn sum<T: Element>(piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
    if !sum_where(piece, &masks(!which), lanes) {
        sum_otherwise(piece, which, lanes);
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
    let positive = positive_in(piece, signs);
    if !sum_where(piece, &positive, lanes) {
        let signs = piece.signs(Portable, signs);
        sum_otherwise(piece, !signs & lowest(piece.len()), lanes);
    }
    propagate(piece, signs, slopes);
}

/// Adds the terms of elements that are not `positive`, or tells that they are to be added otherwise.
#[inline(always)]
fn sum_where<T: Element>(piece: &Piece<'_, T>, positive: &Words, lanes: &mut Lanes) -> bool {
    let (g, basis) = (piece.upstream(), piece.basis());
    if T::DTYPE == Dtype::F16 {
        if !(convertible(&g) && convertible(&basis)) {
            return false;
        }
        let sums = sums_f16(&words(g), &words(basis), positive);
        for (pair, sums) in lanes.sums.as_chunks_mut::<2>().0.iter_mut().zip(sums) {
            pair[0] += f64::from(sums[0]);
            pair[1] += f64::from(sums[1]);
        }
        return true;
    }
    let sums = sums_bf16(&words(g), &words(basis), positive);
    let mut fits = true;
    for sum in sums {
        fits &= sum.abs() < TOO_LARGE;
    }
    if fits {
        for (lane, sum) in lanes.sums.iter_mut().zip(sums) {
            *lane += f64::from(sum);
        }
    }
    fits
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
    let (g, basis, positive) = (piece.upstream(), piece.basis(), positive_in(piece, signs));
    let next = if T::DTYPE == Dtype::F16 {
        (convertible(&g) && convertible(&basis))
            .then(|| with_row::<F16>(fours, &words(g), &words(basis), &positive).0)
    } else {
        let (next, fits) = with_row::<Bf16>(fours, &words(g), &words(basis), &positive);
        fits.then_some(next)
    };
    match next {
        Some(next) => *fours = next,
        None => row_otherwise(piece, signs, fours, sums),
    }
    propagate(piece, signs, slopes);
}

#[cold]
#[inline(never)]
fn row_otherwise<T: Element>(
    piece: &Piece<'_, T>,
    signs: u64,
    fours: &mut [f32; CHUNK],
    sums: &mut [f64; CHUNK],
) {
    let signs = piece.signs(Portable, signs);
    let (g, basis) = (Portable.widen(&piece.upstream()), Portable.widen(&piece.basis()));
    let mut ordered = [0.0; CHUNK];
    for (at, pair) in ordered.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        *pair = [fours[at], fours[at + WORDS]];
    }
    match half_sums::add_row::<T>(&ordered, &g, &basis, !signs) {
        Some(next) => {
            for (at, pair) in next.as_chunks::<2>().0.iter().enumerate() {
                [fours[at], fours[at + WORDS]] = *pair;
            }
        }
        None => plain::row_in_f64(Portable, piece, signs, fours, sums),
    }
}

/// The fours with a row's terms, and whether all are smaller than what is left to `f64`.
#[inline(always)]
fn with_row<P: Pair>(
    fours: &[f32; CHUNK],
    g: &Words,
    basis: &Words,
    positive: &Words,
) -> ([f32; CHUNK], bool) {
    const MAGNITUDE: u32 = u32::MAX >> 1;
    let (mut next, mut beyond) = (*fours, 0);
    for at in 0..WORDS {
        let (g, basis) = (P::widen(g[at] & !positive[at]), P::widen(basis[at]));
        for half in 0..2 {
            let sum = &mut next[at + half * WORDS];
            *sum += g[half] * basis[half];
            beyond |= (TOO_LARGE.to_bits() - 1).wrapping_sub(sum.to_bits() & MAGNITUDE);
        }
    }
    (next, beyond >> 31 == 0)
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

#[inline(always)]
fn sums_f16(g: &Words, basis: &Words, positive: &Words) -> [[f32; 2]; LANES / 2] {
    const ROW: usize = LANES / 2;
    let mut sums = [[0.0; 2]; ROW];
    for (at, sum) in sums.iter_mut().enumerate() {
        let products = |at: usize| {
            let (g, basis) = (F16::widen(g[at] & !positive[at]), F16::widen(basis[at]));
            [g[0] * basis[0], g[1] * basis[1]]
        };
        let (a, b) = (products(at), products(at + ROW));
        let (c, d) = (products(at + 2 * ROW), products(at + 3 * ROW));
        *sum = [(a[0] + b[0]) + (c[0] + d[0]), (a[1] + b[1]) + (c[1] + d[1])];
    }
    sums
}

#[inline(always)]
fn sums_bf16(g: &Words, basis: &Words, positive: &Words) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (at, sum) in sums.iter_mut().enumerate() {
        let pair = |at: usize| {
            let (g, basis) = (Bf16::widen(g[at] & !positive[at]), Bf16::widen(basis[at]));
            g[0] * basis[0] + g[1] * basis[1]
        };
        *sum = pair(at) + pair(at + LANES);
    }
    sums
}

/// Elements as they are where positive, else times their slopes; and which are positive.
#[inline(always)]
fn scaled<T: Element>(
    x: &[T; CHUNK],
    positive: &Words,
    slopes: &impl ChunkSlopes<T::Wide>,
) -> ([T; CHUNK], Found) {
    let (mut words, slopes, mut found) =
        (words(*x), &As::<_, T::Wide>::new(slopes), Found::default());
    for at in 0..WORDS / 2 {
        let masks = [at, at + WORDS / 2].map(|at| positive[at]);
        for at in [at, at + WORDS / 2] {
            let slopes = [slopes.lane(2 * at), slopes.lane(2 * at + 1)];
            words[at] = if T::DTYPE == Dtype::F16 {
                F16::scaled(words[at], positive[at], slopes)
            } else {
                Bf16::scaled(words[at], positive[at], slopes)
            };
        }
        found.add(at, masks);
    }
    (elements(words), found)
}

/// Whether all elements are finite, where they have to be.
#[inline(always)]
fn convertible<T: Element>(x: &[T; CHUNK]) -> bool {
    if T::DTYPE != Dtype::F16 {
        return true;
    }
    let mut largest = 0;
    for bits in cast::<_, [u16; CHUNK]>(*x) {
        largest = largest.max((bits & 0x7fff) as i16);
    }
    largest < 0x7c00
}

/// All ones for positive elements.
#[inline(always)]
fn positive<T: Element>(x: &[T; CHUNK]) -> Words {
    let mut masks = [0_u16; CHUNK];
    for (mask, x) in masks.iter_mut().zip(x) {
        *mask = u16::from(x.positive()).wrapping_neg();
    }
    words(masks)
}

/// The same as a piece has them.
#[inline(always)]
fn positive_in<T: Element>(piece: &Piece<'_, T>, signs: u64) -> Words {
    if piece.compared() { positive(&piece.basis()) } else { masks(signs) }
}

/// All ones for set bits.
#[inline(always)]
fn masks(bits: u64) -> Words {
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
            masks[bits][lane / 2] |= (bits as u32 >> lane & 1) * 0xffff << (16 * (lane % 2));
            lane += 1;
        }
        bits += 1;
    }
    masks
};

/// The bits of masks, of 32 elements in a word.
#[derive(Default)]
struct Found([u32; 2]);

impl Found {
    /// Takes words `at` and `at + WORDS / 2`.
    #[inline(always)]
    fn add(&mut self, at: usize, masks: [u32; 2]) {
        self.0[0] |= masks[0] & PLACES[at];
        self.0[1] |= masks[1] & PLACES[at];
    }

    #[inline(always)]
    fn bits(self) -> u64 {
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

/// The words of pairs of two bytes each.
#[inline(always)]
fn words<T: Pod>(pairs: [T; CHUNK]) -> Words {
    let words: Words = cast(pairs);
    if cfg!(target_endian = "big") { words.map(|word| word.rotate_left(16)) } else { words }
}

/// The elements of [`words`].
#[inline(always)]
fn elements<T: Pod>(words: Words) -> [T; CHUNK] {
    let big = cfg!(target_endian = "big");
    cast(if big { words.map(|word| word.rotate_left(16)) } else { words })
}
