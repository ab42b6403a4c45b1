//! Backward of two-byte types: each gradient is widened once, for its product and for scaling.
//!
//! ```text
//! products, dx = g * basis where not positive, g * (1 if positive else slope)
//! where `f32` holds the sums of four products:  add those sums, write dx
//! else the terms are added one by one in `f64`, and dx is written only then: it may overwrite them
//! ```

use std::arch::x86_64::*;

use super::super::super::signs::{Pointers, Signs};
use super::super::Avx2;
use super::{GROUP, GROUPS, Half, Products, add, before, load, masks, slopes_at, store, unless};
use crate::element::Element;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES, Piece, RunSums, lowest, plain};

/// What a pass over a chunk leaves.
struct Passed<H: Half> {
    /// Zeroes where nothing is to be summed, and behind a short chunk.
    products: Products,
    /// The input gradient, where sums may fail; it is written where not.
    scaled: [Option<H::Rounded>; GROUPS],
}

impl<H: Half> Passed<H> {
    /// # Safety
    /// The processor has what [`Avx2`] stands for, pointers are good for `len` elements, and elements may be written
    /// after they were read.
    #[inline(always)]
    unsafe fn of(
        (g, b, dx): Pointers<i16>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) -> Self {
        // SAFETY: the caller's.
        unsafe {
            let (zero, one) = (_mm256_setzero_ps(), _mm256_set1_ps(1.0));
            let mut passed = Passed { products: [[zero; 2]; GROUPS], scaled: [None; GROUPS] };
            for index in 0..GROUPS {
                let at = GROUP * index;
                if at >= len {
                    break;
                }
                // Products behind a short group are 0 whatever their signs.
                let [g0, g1] = load::<H>(g.add(at), len - at);
                let [b0, b1] = load::<H>(b.add(at), len - at);
                let [k, l] = masks::<H>(signs, at, [b0, b1]);
                passed.products[index] = [unless(k, g0, b0, signs), unless(l, g1, b1, signs)];
                let [s, t] = slopes_at::<H>(slopes, at);
                let (s, t) = (_mm256_blendv_ps(s, one, k), _mm256_blendv_ps(t, one, l));
                let scaled = H::round([_mm256_mul_ps(g0, s), _mm256_mul_ps(g1, t)]);
                if H::EXACT {
                    store::<H>(dx.add(at), len - at, scaled);
                } else {
                    passed.scaled[index] = Some(scaled);
                }
            }
            passed
        }
    }

    /// # Safety
    /// As for [`Passed::of`].
    #[inline(always)]
    unsafe fn write(self, dx: *mut i16, len: usize) {
        for (index, scaled) in self.scaled.into_iter().enumerate() {
            if let Some(scaled) = scaled {
                let at = GROUP * index;
                // SAFETY: the caller's.
                unsafe { store::<H>(dx.add(at), len - at, scaled) };
            }
        }
    }
}

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written after they were read.
impl Avx2 {
    /// Whether that could be done in `f32`; if not, nothing was added or written.
    #[inline(always)]
    #[must_use]
    pub(in super::super) unsafe fn backward_half<H: Half>(
        self,
        piece: Pointers<i16>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
        sums: &mut [f64; LANES],
    ) -> bool {
        // SAFETY: the caller's.
        unsafe {
            let passed = Passed::<H>::of(piece, len, signs, slopes);
            let fours = H::fours(passed.products);
            if let Some(fours) = fours {
                add(fours, sums);
                passed.write(piece.2, len);
            }
            fours.is_some()
        }
    }

    /// [`Avx2::backward_half`] of a whole chunk in which runs end; what `f32` does not hold is added in `f64`. `H` is
    /// the elements' type.
    #[inline(always)]
    pub(in super::super) unsafe fn over_ends_half<T: Element, H: Half>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: ByRun<f32>,
        sums: &mut RunSums<'_, T::Accumulator>,
    ) {
        let known = Signs::of(piece, signs);
        let (g, b, dx) = piece.pointers();
        // SAFETY: the caller's.
        unsafe {
            let passed = Passed::<H>::of((g.cast(), b.cast(), dx.cast()), CHUNK, known, &slopes);
            // Not a loop: its ends would lie in memory.
            macro_rules! part {
                ($products:expr, $part:expr) => {{
                    match H::fours($products) {
                        Some(fours) => add(fours, &mut sums.lanes.sums),
                        None => {
                            let which = !piece.signs(self, signs) & $part;
                            plain::sum(self, piece, which, &mut sums.lanes);
                        }
                    }
                }};
            }
            let ([end, next_end], mut left, mut ended) = (slopes.ends, passed.products, 0);
            if end <= CHUNK {
                let own;
                (own, left) = split::<H>(&left, end);
                part!(own, lowest(end));
                sums.close::<T, Avx2>(self);
                ended = lowest(end);
            }
            if next_end <= CHUNK {
                let own;
                (own, left) = split::<H>(&left, next_end);
                part!(own, lowest(next_end) & !ended);
                sums.close::<T, Avx2>(self);
                ended = lowest(next_end);
            }
            if ended != u64::MAX {
                part!(left, !ended);
            }
            passed.write(dx.cast(), CHUNK);
        }
    }
}

/// The products of the elements before `end`, and those of the others; zeroes elsewhere.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn split<H: Half>(products: &Products, end: usize) -> (Products, Products) {
    // SAFETY: the caller's.
    unsafe {
        let none = [[_mm256_setzero_ps(); 2]; GROUPS];
        let (mut earlier, mut later) = (none, none);
        for (index, [p, q]) in products.iter().enumerate() {
            let [k, l] = before::<H>(end, GROUP * index);
            earlier[index] = [_mm256_and_ps(k, *p), _mm256_and_ps(l, *q)];
            later[index] = [_mm256_andnot_ps(k, *p), _mm256_andnot_ps(l, *q)];
        }
        (earlier, later)
    }
}
