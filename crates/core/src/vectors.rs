//! What a SIMD level's instructions do better than LLVM makes of the plain loop, a chunk of at most 64
//! elements at a time: signs as bits, multiplication by 1 or a slope, and sums of products.
//!
//! A value of a level's type is the proof that the processor has its instructions. Only the backend's
//! dispatch makes one, within a function compiled for them. Every level gives the same bits, but for
//! which NaN a NaN is.

mod columns;
mod fours;
mod fours_forward;
mod half_backward;
mod half_scale;
mod half_sums;
mod half_words;
mod piece;
mod plain;
mod portable;
mod prefetch;
mod reach;
mod run_sums;
mod slopes;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use columns::Columns;
pub use piece::Piece;
pub(crate) use plain::terms;
pub(crate) use portable::Portable;
pub(crate) use prefetch::prefetch;
#[cfg(target_arch = "x86_64")]
pub(crate) use prefetch::prefetch_ahead;
pub(crate) use reach::Reach;
pub use run_sums::RunSums;
pub use slopes::{ByRun, ChunkSlopes};
pub(crate) use slopes::{Single, Table};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

use bytemuck::{cast, cast_ref};

use crate::accumulator::Accumulator;
use crate::element::{Dtype, Element};
use crate::half_width::round_bf16_product;

/// Elements of a chunk: those that the loops handle at a time.
pub const CHUNK: usize = 64;

/// Lanes of a long sum: term `j` of a chunk goes to lane `j % 16`.
pub(crate) const LANES: usize = 16;

/// A level's instructions. Codecs are handed a value and call [`Vectors::signs`], [`Vectors::set_bytes`],
/// [`Vectors::write_bytes`] and [`Vectors::save`]; the other methods are the loops' own. What is here in
/// plain Rust, a level may say in intrinsics.
pub trait Vectors: Copy + private::Sealed {
    /// Bit `i` tells whether `x[i]` is positive; `x` are at most [`CHUNK`], and further bits are 0.
    #[inline(always)]
    fn signs<T: Element>(self, x: &[T]) -> u64 {
        self.signs_of_chunk(&load(x))
    }

    /// Bit `i` tells whether `bytes[i]` is not 0; `bytes` are at most [`CHUNK`], and further bits are 0.
    #[inline(always)]
    fn set_bytes(self, bytes: &[i8]) -> u64 {
        if let Some(bytes) = bytes.first_chunk::<CHUNK>() {
            return self.set_bytes_of_chunk(bytes);
        }
        let mut padded = [0; CHUNK];
        padded[..bytes.len()].copy_from_slice(bytes);
        self.set_bytes_of_chunk(&padded)
    }

    /// Makes byte `i` the bit `i` of `signs`; `bytes` are at most [`CHUNK`].
    #[inline(always)]
    fn write_bytes(self, signs: u64, bytes: &mut [i8]) {
        let all = self.bytes_of_chunk(signs);
        match bytes.first_chunk_mut() {
            Some(whole) => *whole = all,
            None => bytes.copy_from_slice(&all[..bytes.len()]),
        }
    }

    /// Byte `i` is bit `i` of `signs`.
    #[doc(hidden)]
    #[inline(always)]
    fn bytes_of_chunk(self, signs: u64) -> [i8; CHUNK] {
        let mut all = [0; CHUNK];
        for (lane, byte) in all.iter_mut().enumerate() {
            *byte = i8::from(bit(signs, lane));
        }
        all
    }

    /// Copies a chunk, or the rest of one, to a saved state. Where that is larger than the caches, the
    /// copy goes past them: it does not read the memory that it overwrites.
    #[inline(always)]
    fn save<T: Element>(self, to: &mut [T], from: &[T]) {
        match (to.as_chunks_mut(), from.as_chunks()) {
            (([to], []), ([from], [])) => self.save_chunk(to, from),
            _ => to.copy_from_slice(from),
        }
    }

    /// The bits of `bits` that are set in `mask`, side by side from bit 0 on.
    #[doc(hidden)]
    fn close_up(self, bits: u64, mask: u64) -> u64;

    /// The lowest bits of `bits`, in the places of those that are set in `mask`.
    #[doc(hidden)]
    fn put_back(self, bits: u64, mask: u64) -> u64;

    /// The elements of a chunk whose bits are set in `mask`, side by side from the first on.
    #[doc(hidden)]
    #[inline(always)]
    fn close_up_elements<T: Element>(self, chunk: &[T; CHUNK], mask: u64) -> [T; CHUNK] {
        let mut closed = [T::default(); CHUNK];
        let mut bits = mask;
        for to in closed.iter_mut().take(mask.count_ones() as usize) {
            *to = chunk[bits.trailing_zeros() as usize % CHUNK];
            bits &= bits.wrapping_sub(1);
        }
        closed
    }

    /// Writes the elements of `closed`, one for each bit of `mask`, to the places of those bits.
    #[doc(hidden)]
    #[inline(always)]
    fn put_back_elements<T: Element>(self, closed: &[T], mask: u64, chunk: &mut [T; CHUNK]) {
        let mut bits = mask;
        for &from in closed {
            chunk[bits.trailing_zeros() as usize % CHUNK] = from;
            bits &= bits.wrapping_sub(1);
        }
    }

    /// Whether the rest of a chunk costs what its elements do. Where it does not, as many chunks as can be
    /// are whole, unless classes change from run to run.
    #[doc(hidden)]
    #[inline(always)]
    fn has_cheap_rests<T: Element>(self) -> bool {
        false
    }

    /// Whether backward passes over a chunk are faster where the compiler knows that it is whole: it unrolls them. Passes
    /// with [cheap rests](Vectors::has_cheap_rests) are loops, and spill where they are unrolled.
    #[doc(hidden)]
    #[inline(always)]
    fn unrolls<T: Element>(self) -> bool {
        !self.has_cheap_rests::<T>()
    }

    /// Asks for the memory some way after these elements of tensors that a pass goes through in order, at the levels and on the
    /// processors that do not do so in time by themselves.
    #[doc(hidden)]
    #[inline(always)]
    fn look_ahead<T: Element, const N: usize>(self, _: [&[T]; N]) {}

    /// Waits until what was saved past the caches can be seen by other threads.
    #[doc(hidden)]
    fn finish_saving(self);

    #[doc(hidden)]
    fn save_chunk<T: Element>(self, to: &mut [T; CHUNK], from: &[T; CHUNK]);

    /// `x = x * (1 if x > 0 else slope)`; `x` are at most [`CHUNK`]. Returns [`Vectors::signs`] of what `x`
    /// were.
    #[doc(hidden)]
    fn activate<T: Element, S: ChunkSlopes<T::Wide>>(self, x: &mut [T], slopes: &S) -> u64;

    /// [`Vectors::activate`] where nobody wants the signs.
    #[doc(hidden)]
    #[inline(always)]
    fn scale<T: Element, S: ChunkSlopes<T::Wide>>(self, x: &mut [T], slopes: &S) {
        self.activate(x, slopes);
    }

    /// `dx = g * (1 if the sign is set else slope)`. Here and below, `signs` are not looked at where the piece's basis tells
    /// them ([`Piece::signs`]).
    #[doc(hidden)]
    fn propagate<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
    );

    /// Adds the terms `g * basis` of `which`: term `j` to lane `j % 16`; of two-byte types [`half_sums`].
    #[doc(hidden)]
    #[inline(always)]
    fn sum<T: Element>(self, piece: &mut Piece<'_, T>, which: u64, lanes: &mut Lanes) {
        if self.has_cheap_rests::<T>() {
            unreachable!("only chunks over the ends of runs are summed alone, and rests are cheap");
        }
        plain::sum(self, piece, which, lanes);
    }

    /// The sum of the lanes, added up in halves. Of two lanes either may be added to the other, so that lanes may
    /// be rotated.
    #[doc(hidden)]
    #[inline(always)]
    fn fold<T: Element>(self, lanes: &Lanes) -> T::Accumulator {
        let Lanes { mut sums, mut lost } = *lanes;
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                let (other, other_lost) = (sums[lane + half], lost[lane + half]);
                T::Accumulator::merge_lost(&mut lost[lane], other_lost);
                T::Accumulator::add(&mut sums[lane], &mut lost[lane], other);
            }
        }
        T::Accumulator::from_parts(sums[0], lost[0])
    }

    /// [`Vectors::sum`] of the terms whose signs are not set, and [`Vectors::propagate`].
    #[doc(hidden)]
    fn backward<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        lanes: &mut Lanes,
    );

    /// [`Vectors::backward`] of a chunk in which runs end: each run's terms go to its own sum, in the lanes of
    /// their places in the chunk, and the sums of the runs that end are closed.
    #[doc(hidden)]
    #[inline(always)]
    fn backward_over_ends<T: Element>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &ByRun<T::Wide>,
        sums: &mut RunSums<'_, T::Accumulator>,
    ) {
        plain::backward_over_ends(self, piece, signs, slopes, sums);
    }

    /// [`Vectors::propagate`], and the terms `g * basis` whose signs are not set are added to a sum each.
    #[doc(hidden)]
    fn backward_columns<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        columns: &mut Columns,
    );

    /// [`Vectors::backward_columns`] with the sums in the entries of a row: those of a chunk's columns, or as many as
    /// there are. Until [`Vectors::finish_row`] their parts may lie otherwise.
    #[doc(hidden)]
    fn backward_row<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        row: &mut [T::Accumulator],
    );

    /// Leaves sums in a row's entries, all of which began as 0.
    #[doc(hidden)]
    #[inline(always)]
    fn finish_row<T: Element>(self, _: &mut [T::Accumulator]) {}

    /// [`Vectors::propagate`] of a whole chunk of two-byte elements, and the terms `g * basis` whose signs are not set
    /// are added to `fours`: see [`half_sums`]. Those may lie in any order.
    #[doc(hidden)]
    fn backward_fours<T: Element, S: ChunkSlopes<T::Wide>>(
        self,
        piece: &mut Piece<'_, T>,
        signs: u64,
        slopes: &S,
        fours: &mut [f32; CHUNK],
        sums: &mut [f64; CHUNK],
    );

    /// Adds `fours` to the sums of their columns, and makes them 0.
    #[doc(hidden)]
    fn add_fours<T: Element>(self, fours: &mut [f32; CHUNK], sums: &mut [f64; CHUNK]);

    /// [`Vectors::signs`] of a whole chunk.
    #[doc(hidden)]
    fn signs_of_chunk<T: Element>(self, x: &[T; CHUNK]) -> u64;

    #[doc(hidden)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64;

    /// The exact values in the type arithmetic happens in.
    #[doc(hidden)]
    #[inline(always)]
    fn widen<T: Element>(self, x: &[T; CHUNK]) -> [T::Wide; CHUNK] {
        match T::DTYPE {
            // Arithmetic makes a signaling NaN a quiet one.
            Dtype::Bf16 => cast(cast_ref::<_, [u16; CHUNK]>(x).map(|x| u32::from(x) << 16)),
            Dtype::F16 | Dtype::F32 | Dtype::F64 => x.map(T::widen),
        }
    }

    /// The elements nearest to products of two elements.
    #[doc(hidden)]
    #[inline(always)]
    fn narrow<T: Element>(self, x: [T::Wide; CHUNK]) -> [T; CHUNK] {
        match T::DTYPE {
            Dtype::Bf16 => cast(cast_ref::<_, [f32; CHUNK]>(&x).map(round_bf16_product)),
            Dtype::F16 | Dtype::F32 | Dtype::F64 => x.map(T::narrow),
        }
    }
}

/// The instructions that every processor of the target has, to try a codec with.
pub fn portable() -> impl Vectors {
    Portable
}

mod private {
    pub trait Sealed {}
}
use private::Sealed;

/// A sum in lanes: what was summed, and for [`f64`] terms what the roundings lost.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Lanes {
    pub(crate) sums: [f64; LANES],
    pub(crate) lost: [f64; LANES],
}

/// A chunk by value; behind a short one zeroes.
#[inline(always)]
pub(crate) fn load<T: Element>(elements: &[T]) -> [T; CHUNK] {
    match elements.first_chunk() {
        Some(chunk) => *chunk,
        None => {
            let mut padded = [T::default(); CHUNK];
            padded[..elements.len()].copy_from_slice(elements);
            padded
        }
    }
}

/// Writes as much of a chunk as there is room for.
#[inline(always)]
pub(crate) fn store<T: Element>(chunk: [T; CHUNK], elements: &mut [T]) {
    match elements.first_chunk_mut() {
        Some(whole) => *whole = chunk,
        None => elements.copy_from_slice(&chunk[..elements.len()]),
    }
}

/// The lowest `len` bits, of at most [`CHUNK`].
#[inline(always)]
pub(crate) fn lowest(len: usize) -> u64 {
    if len < CHUNK { (1 << len) - 1 } else { u64::MAX }
}

/// Whether bit `lane` is set.
#[inline(always)]
pub(crate) fn bit(bits: u64, lane: usize) -> bool {
    bits >> lane & 1 == 1
}
