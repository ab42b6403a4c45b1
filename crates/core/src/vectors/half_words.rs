//! Passes over a chunk of a two-byte type in plain Rust, two elements to a word ([`crate::half_pairs`]): LLVM makes
//! vectors of words of every loop.
//!
//! Where `f16` elements are not all finite, or `f32` does not hold a chunk's sums, a pass is [`super::plain`]'s.

use bytemuck::{Pod, cast};

use super::half_sums::TOO_LARGE;
use super::slopes::{As, ByRun};
use super::{
    CHUNK, ChunkSlopes, LANES, Lanes, Piece, Portable, Vectors, half_sums, load, lowest, plain,
    store,
};
use crate::element::{Dtype, Element};
use crate::half_pairs::{Bf16, F16, Pair};

const WORDS: usize = CHUNK / 2;
type Words = [u32; WORDS];

/// See [`super::Vectors::signs`].
#[inline(always)]
pub(super) fn signs<T: Element>(x: &[T; CHUNK]) -> u64 {
    bits(&positive(x))
}

/// See [`super::Vectors::activate`].
#[inline(always)]
pub(super) fn activate<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    if let Some(whole) = x.first_chunk_mut() {
        return activate_whole(whole, slopes);
    }
    let mut room = load(x);
    let bits = activate_whole(&mut room, slopes);
    store(room, x);
    bits
}

/// See [`super::Vectors::scale`].
#[inline(always)]
pub(super) fn scale<T: Element>(x: &mut [T], slopes: &impl ChunkSlopes<T::Wide>) {
    if let Some(whole) = x.first_chunk_mut() {
        return scale_whole(whole, slopes);
    }
    let mut room = load(x);
    scale_whole(&mut room, slopes);
    store(room, x);
}

/// See [`super::Vectors::propagate`].
#[inline(always)]
pub(super) fn propagate<T: Element>(
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    let signs = piece.signs(Portable, signs);
    if let Some(gradient) = piece.whole_in_place() {
        return propagate_whole(gradient, signs, slopes);
    }
    let mut gradient = piece.upstream();
    propagate_whole(&mut gradient, signs, slopes);
    piece.set_input_gradient(gradient);
}

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

// Not inlined from here on: at a function's beginning LLVM knows that its arguments do not overlap, and copies nothing.

#[inline(never)]
fn activate_whole<T: Element>(x: &mut [T; CHUNK], slopes: &impl ChunkSlopes<T::Wide>) -> u64 {
    if convertible(x) && convertible_slopes::<T>(slopes) {
        return scale_pairs::<true, T>(x, &positive(x), slopes).bits();
    }
    plain::activate(Portable, x, slopes)
}

#[inline(never)]
fn scale_whole<T: Element>(x: &mut [T; CHUNK], slopes: &impl ChunkSlopes<T::Wide>) {
    if convertible(x) && convertible_slopes::<T>(slopes) {
        scale_pairs::<false, T>(x, &positive(x), slopes);
    } else {
        plain::activate(Portable, x, slopes);
    }
}

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
fn propagate_whole<T: Element>(
    gradient: &mut [T; CHUNK],
    signs: u64,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    scale_others(gradient, &masks(signs), slopes);
}

#[inline(never)]
fn sum_whole<T: Element>(g: &[T; CHUNK], basis: &[T; CHUNK], which: u64, lanes: &mut Lanes) {
    add_sums(g, basis, &masks(!which), lanes);
}

/// Multiplies elements that are not positive with their slopes.
#[inline(always)]
fn scale_others<T: Element>(
    x: &mut [T; CHUNK],
    positive: &Words,
    slopes: &impl ChunkSlopes<T::Wide>,
) {
    if convertible(x) && convertible_slopes::<T>(slopes) {
        scale_pairs::<false, T>(x, positive, slopes);
    } else {
        plain::propagate(Portable, &mut Piece::in_place(x, &[], false), bits(positive), slopes);
    }
}

/// The same of what is convertible. Returns the bits of positive ones, or where they are not to be found none.
#[inline(always)]
fn scale_pairs<const FIND: bool, T: Element>(
    x: &mut [T; CHUNK],
    positive: &Words,
    slopes: &impl ChunkSlopes<T::Wide>,
) -> Found {
    if let Some(runs) = slopes.by_run() {
        let words = slopes_of_runs::<T>(&runs);
        return scale_each::<FIND, T>(x, positive, |at| {
            if T::DTYPE == Dtype::F16 { F16::widen(words[at]) } else { Bf16::widen(words[at]) }
        });
    }
    let slopes = &As::<_, T::Wide>::new(slopes);
    scale_each::<FIND, T>(x, positive, |at| [slopes.lane(2 * at), slopes.lane(2 * at + 1)])
}

#[inline(always)]
fn scale_each<const FIND: bool, T: Element>(
    x: &mut [T; CHUNK],
    positive: &Words,
    slopes: impl Fn(usize) -> [f32; 2],
) -> Found {
    let (x, mut found) = (pairs(x), Found::default());
    if FIND {
        for at in 0..WORDS / 2 {
            for at in [at, at + WORDS / 2] {
                scale_pair(&mut x[at], positive[at], slopes(at));
            }
            found.add(at, [positive[at], positive[at + WORDS / 2]]);
        }
    } else {
        for (at, pair) in x.iter_mut().enumerate() {
            scale_pair(pair, positive[at], slopes(at));
        }
    }
    found
}

#[inline(always)]
fn scale_pair<T: Element>(pair: &mut [T; 2], positive: u32, slopes: [f32; 2]) {
    let word = word(*pair);
    *pair = elements(if T::DTYPE == Dtype::F16 {
        F16::scaled(word, positive, slopes)
    } else {
        Bf16::scaled(word, positive, slopes)
    });
}

#[inline(always)]
fn pairs<T>(x: &mut [T; CHUNK]) -> &mut [[T; 2]] {
    x.as_chunks_mut().0
}

/// Whether the slopes of runs are finite, where they have to be.
#[inline(always)]
fn convertible_slopes<T: Element>(slopes: &impl ChunkSlopes<T::Wide>) -> bool {
    match slopes.by_run() {
        Some(runs) if T::DTYPE == Dtype::F16 => {
            runs.known_as::<f32>().slopes.iter().all(|slope| slope.is_finite())
        }
        _ => true,
    }
}

/// A slope per element: that of the last run, and where others lie what it differs by.
#[inline(always)]
fn slopes_of_runs<T: Element>(runs: &ByRun<T::Wide>) -> Words {
    let [first, second, third] = runs.slopes.map(|slope| word([T::narrow(slope); 2]));
    let [to_first, to_second] = runs.ends.map(|end| masks(lowest(end)));
    let mut words = [0; WORDS];
    for (at, word) in words.iter_mut().enumerate() {
        *word = third ^ (second ^ third) & to_second[at] ^ (first ^ second) & to_first[at];
    }
    words
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

/// Set bits for masks of ones.
#[inline(always)]
fn bits(masks: &Words) -> u64 {
    let mut found = Found::default();
    for at in 0..WORDS / 2 {
        found.add(at, [masks[at], masks[at + WORDS / 2]]);
    }
    found.bits()
}

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

/// The words of pairs of elements.
#[inline(always)]
fn words<T: Pod>(elements: [T; CHUNK]) -> Words {
    let words: Words = cast(elements);
    if cfg!(target_endian = "big") { words.map(|word| word.rotate_left(16)) } else { words }
}

/// The word of a pair.
#[inline(always)]
fn word<T: Pod>(pair: [T; 2]) -> u32 {
    let word: u32 = cast(pair);
    if cfg!(target_endian = "big") { word.rotate_left(16) } else { word }
}

/// The pair of a word.
#[inline(always)]
fn elements<T: Pod>(word: u32) -> [T; 2] {
    cast(if cfg!(target_endian = "big") { word.rotate_left(16) } else { word })
}
