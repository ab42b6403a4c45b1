//! What a SIMD level's instructions do better than LLVM makes of the plain loop, a chunk of 64
//! elements at a time: signs as bits, `f16` to `f32` and back, and sums of products.
//!
//! A value of a level's type is the proof that the processor has its instructions. Only the backend's
//! dispatch makes one, within a function compiled for them.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use bytemuck::{cast, cast_mut, cast_ref};
use half::f16;

pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

use crate::accumulator::{Accumulator, Twofold};
use crate::element::{Dtype, Element};

/// Elements of a chunk: those that the loops handle at a time.
pub const CHUNK: usize = 64;

/// Lanes of a long sum: term `j` of a chunk goes to lane `j % 8`.
pub(crate) const LANES: usize = 8;

/// A level's instructions. Codecs are handed a value and call [`Vectors::signs`] and
/// [`Vectors::set_bytes`]; the other methods are the loops' own.
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

    /// Waits until what was saved past the caches can be seen by other threads.
    #[doc(hidden)]
    fn finish_saving(self);

    #[doc(hidden)]
    fn save_chunk<T: Element>(self, to: &mut [T; CHUNK], from: &[T; CHUNK]);

    /// [`Vectors::signs`] of a whole chunk.
    #[doc(hidden)]
    #[inline(always)]
    fn signs_of_chunk<T: Element>(self, x: &[T; CHUNK]) -> u64 {
        match T::DTYPE {
            Dtype::F32 => self.signs_f32(cast_ref(x)),
            Dtype::F64 => self.signs_f64(cast_ref(x)),
            Dtype::F16 => self.signs_half(cast_ref(x), 0x7c00),
            Dtype::Bf16 => self.signs_half(cast_ref(x), 0x7f80),
        }
    }

    /// The exact values in the type arithmetic happens in.
    #[doc(hidden)]
    #[inline(always)]
    fn widen<T: Element>(self, x: &[T; CHUNK]) -> [T::Wide; CHUNK] {
        match T::DTYPE {
            Dtype::F16 => cast(self.widen_f16(cast_ref(x))),
            // Arithmetic makes a signaling NaN a quiet one.
            Dtype::Bf16 => cast(cast_ref::<_, [u16; CHUNK]>(x).map(|x| u32::from(x) << 16)),
            Dtype::F32 | Dtype::F64 => x.map(T::widen),
        }
    }

    /// The nearest elements.
    #[doc(hidden)]
    #[inline(always)]
    fn narrow<T: Element>(self, x: [T::Wide; CHUNK]) -> [T; CHUNK] {
        match T::DTYPE {
            Dtype::F16 => cast(self.narrow_f16(cast_ref(&x))),
            Dtype::Bf16 | Dtype::F32 | Dtype::F64 => x.map(T::narrow),
        }
    }

    /// Adds `g[j] * b[j]` to lane `j % 8` for the bits `j` that are set in `which`, as
    /// [`crate::accumulator::Accumulator`] does.
    #[doc(hidden)]
    #[inline(always)]
    fn add_to_lanes<T: Element>(
        self,
        lanes: &mut Lanes,
        g: &[T::Wide; CHUNK],
        b: &[T::Wide; CHUNK],
        which: u64,
    ) {
        match T::DTYPE {
            Dtype::F64 => {
                let (g, b): (&[f64; CHUNK], &[f64; CHUNK]) = (cast_ref(g), cast_ref(b));
                let terms = std::array::from_fn(|lane| g[lane] * b[lane]);
                self.add_twofold_terms_to_lanes(lanes, &terms, which);
            }
            Dtype::F16 | Dtype::Bf16 | Dtype::F32 => {
                self.add_f32_to_lanes(&mut lanes.sums, cast_ref(g), cast_ref(b), which);
            }
        }
    }

    /// Adds `terms[j]` to lane `j % 8` for the bits `j` that are set in `which`.
    #[doc(hidden)]
    #[inline(always)]
    fn add_terms_to_lanes<T: Element>(self, lanes: &mut Lanes, terms: &[f64; CHUNK], which: u64) {
        match T::DTYPE {
            Dtype::F64 => self.add_twofold_terms_to_lanes(lanes, terms, which),
            Dtype::F16 | Dtype::Bf16 | Dtype::F32 => {
                self.add_plain_terms_to_lanes(&mut lanes.sums, terms, which);
            }
        }
    }

    /// Adds `g[j] * b[j]` to `row[j]` for the bits `j` that are set in `which`.
    #[doc(hidden)]
    #[inline(always)]
    fn add_to_row<T: Element>(
        self,
        row: &mut [T::Accumulator; CHUNK],
        g: &[T::Wide; CHUNK],
        b: &[T::Wide; CHUNK],
        which: u64,
    ) {
        match T::DTYPE {
            Dtype::F64 => add_twofold_to_row(cast_mut(row), cast_ref(g), cast_ref(b), which),
            Dtype::F16 | Dtype::Bf16 | Dtype::F32 => {
                self.add_f32_to_row(cast_mut(row), cast_ref(g), cast_ref(b), which);
            }
        }
    }

    #[doc(hidden)]
    fn signs_f32(self, x: &[f32; CHUNK]) -> u64;
    #[doc(hidden)]
    fn signs_f64(self, x: &[f64; CHUNK]) -> u64;
    /// Bit `i` tells whether `0 < x[i] <= infinity`, which for the bits of halves is `> 0`.
    #[doc(hidden)]
    fn signs_half(self, x: &[i16; CHUNK], infinity: i16) -> u64;
    #[doc(hidden)]
    fn set_bytes_of_chunk(self, bytes: &[i8; CHUNK]) -> u64;
    #[doc(hidden)]
    fn widen_f16(self, x: &[f16; CHUNK]) -> [f32; CHUNK];
    #[doc(hidden)]
    fn narrow_f16(self, x: &[f32; CHUNK]) -> [f16; CHUNK];
    #[doc(hidden)]
    fn add_f32_to_lanes(
        self,
        sums: &mut [f64; LANES],
        g: &[f32; CHUNK],
        b: &[f32; CHUNK],
        which: u64,
    );
    #[doc(hidden)]
    fn add_plain_terms_to_lanes(self, sums: &mut [f64; LANES], terms: &[f64; CHUNK], which: u64);
    #[doc(hidden)]
    fn add_twofold_terms_to_lanes(self, lanes: &mut Lanes, terms: &[f64; CHUNK], which: u64);
    #[doc(hidden)]
    fn add_f32_to_row(self, row: &mut [f64; CHUNK], g: &[f32; CHUNK], b: &[f32; CHUNK], which: u64);
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

#[inline(always)]
fn add_twofold_to_row(row: &mut [Twofold; CHUNK], g: &[f64; CHUNK], b: &[f64; CHUNK], which: u64) {
    for (lane, sum) in row.iter_mut().enumerate() {
        let product = g[lane] * b[lane];
        sum.add_term(if bit(which, lane) { product } else { 0.0 });
    }
}
