//! The passes over a chunk in plain Rust, on arrays of 64 by value. Levels use them where LLVM makes as much of
//! them as there is to be had.

use super::{
    ByRun, CHUNK, ChunkSlopes, Columns, LANES, Lanes, Piece, RunSums, Vectors, half_sums, load,
    lowest, store,
};
use crate::accumulator::Accumulator;
use crate::element::{Element, Wide};

/// See [`Vectors::activate`].
#[inline(always)]
pub(super) fn activate<V, T, S>(vectors: V, x: &mut [T], slopes: &S) -> u64
where
    V: Vectors,
    T: Element,
    S: ChunkSlopes<T::Wide>,
{
    let pre = load(x);
    let signs = vectors.signs_of_chunk(&pre);
    let mut wide = vectors.widen(&pre);
    for (lane, x) in wide.iter_mut().enumerate() {
        // Loaded for every lane: a load under a condition is a branch.
        let slope = slopes.lane(lane);
        *x = *x * if *x > T::Wide::ZERO { T::Wide::ONE } else { slope };
    }
    store(vectors.narrow(wide), x);
    signs
}

/// See [`Vectors::propagate`]; `signs` are the chunk's.
#[inline(always)]
pub(super) fn propagate<V, T, S>(vectors: V, piece: &mut Piece<'_, T>, signs: u64, slopes: &S)
where
    V: Vectors,
    T: Element,
    S: ChunkSlopes<T::Wide>,
{
    let mut wide = vectors.widen(&piece.upstream());
    for (row, four) in wide.as_chunks_mut::<FOUR>().0.iter_mut().enumerate() {
        let set = mask(signs, row);
        for (lane, g) in four.iter_mut().enumerate() {
            *g = *g * T::Wide::ONE.or_else(set[lane], slopes.lane(FOUR * row + lane));
        }
    }
    piece.set_input_gradient(vectors.narrow(wide));
}

/// See [`Vectors::sum`], for two-byte types.
#[inline(always)]
pub(super) fn sum<V: Vectors, T: Element>(
    vectors: V,
    piece: &mut Piece<'_, T>,
    which: u64,
    lanes: &mut Lanes,
) {
    let (g, basis) = (vectors.widen(&piece.upstream()), vectors.widen(&piece.basis()));
    add_sums::<T>(&g, &basis, which, lanes);
}

/// The same of what is widened.
#[inline(always)]
pub(super) fn add_sums<T: Element>(
    g: &[T::Wide; CHUNK],
    basis: &[T::Wide; CHUNK],
    which: u64,
    lanes: &mut Lanes,
) {
    if let Some(sums) = half_sums::of::<T>(g, basis, which) {
        for (lane, sum) in lanes.sums.iter_mut().zip(sums) {
            *lane += f64::from(sum);
        }
        return;
    }
    for row in terms::<T>(g, basis, which).as_chunks::<LANES>().0 {
        for (lane, term) in lanes.sums.iter_mut().zip(row) {
            *lane += term;
        }
    }
}

/// See [`Vectors::backward_over_ends`].
#[inline(always)]
pub(super) fn backward_over_ends<V: Vectors, T: Element>(
    vectors: V,
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &ByRun<T::Wide>,
    sums: &mut RunSums<'_, T::Accumulator>,
) {
    let which = !piece.signs(vectors, signs) & lowest(piece.len());
    let mut ended = 0;
    for end in slopes.ends {
        if end <= piece.len() {
            vectors.sum(piece, which & lowest(end) & !ended, &mut sums.lanes);
            sums.close::<T, V>(vectors);
            ended = lowest(end);
        }
    }
    if ended != lowest(piece.len()) {
        vectors.sum(piece, which & !ended, &mut sums.lanes);
    }
    vectors.propagate(piece, signs, slopes);
}

/// See [`Vectors::backward_columns`].
#[inline(always)]
pub(super) fn backward_columns<V, T, S>(
    vectors: V,
    piece: &mut Piece<'_, T>,
    signs: u64,
    slopes: &S,
    columns: &mut Columns,
) where
    V: Vectors,
    T: Element,
    S: ChunkSlopes<T::Wide>,
{
    let signs = piece.signs(vectors, signs);
    let which = !signs & lowest(piece.len());
    let (g, basis) = (vectors.widen(&piece.upstream()), vectors.widen(&piece.basis()));
    let terms = terms::<T>(&g, &basis, which);
    for ((sum, lost), term) in columns.sums.iter_mut().zip(&mut columns.lost).zip(terms) {
        T::Accumulator::add(sum, lost, term);
    }
    propagate(vectors, piece, signs, slopes);
}

/// A row that `f32` does not hold: the fours before it go to their sums, and then its terms one by one.
#[inline(always)]
pub(super) fn row_in_f64<V: Vectors, T: Element>(
    vectors: V,
    (g, basis): (&[T::Wide; CHUNK], &[T::Wide; CHUNK]),
    which: u64,
    fours: &mut [f32; CHUNK],
    sums: &mut [f64; CHUNK],
) {
    vectors.add_fours::<T>(fours, sums);
    for (sum, term) in sums.iter_mut().zip(terms::<T>(g, basis, which)) {
        *sum += term;
    }
}

/// The products, and 0 for elements that are not to be summed.
#[inline(always)]
pub(crate) fn terms<T: Element>(
    g: &[T::Wide; CHUNK],
    basis: &[T::Wide; CHUNK],
    which: u64,
) -> [f64; CHUNK] {
    let mut terms = [0.0; CHUNK];
    for (row, four) in terms.as_chunks_mut::<FOUR>().0.iter_mut().enumerate() {
        let set = mask(which, row);
        for (lane, term) in four.iter_mut().enumerate() {
            let at = FOUR * row + lane;
            let product = T::Accumulator::product(g[at], basis[at]);
            *term = f64::from_bits(product.to_bits() & set[lane]);
        }
    }
    terms
}

/// Masks of four lanes are read from a table: what LLVM makes of shifts and tests by the lane is far slower.
const FOUR: usize = 4;

static MASKS: [[u64; FOUR]; 16] = {
    let mut masks = [[0; FOUR]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut lane = 0;
        while lane < FOUR {
            masks[bits][lane] = (bits as u64 >> lane & 1).wrapping_neg();
            lane += 1;
        }
        bits += 1;
    }
    masks
};

/// All ones for the set ones of four bits.
#[inline(always)]
pub(super) fn mask(bits: u64, row: usize) -> &'static [u64; FOUR] {
    &MASKS[(bits >> (FOUR * row)) as usize & 15]
}

static MASKS_32: [[u32; FOUR]; 16] = {
    let mut masks = [[0; FOUR]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut lane = 0;
        while lane < FOUR {
            masks[bits][lane] = MASKS[bits][lane] as u32;
            lane += 1;
        }
        bits += 1;
    }
    masks
};

/// [`mask`] for lanes of 32 bits.
#[inline(always)]
pub(super) fn mask32(bits: u64, row: usize) -> &'static [u32; FOUR] {
    &MASKS_32[(bits >> (FOUR * row)) as usize & 15]
}
