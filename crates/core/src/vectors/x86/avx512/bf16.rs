//! `bf16`, a chunk at a time: forward and what propagates; sums are beside, within [`runs`] and by [`columns`].
//!
//! AVX-512 BF16 rounds as we do, but for subnormal `f32`, which it takes for 0: where a product may be one, and
//! where the processor has no such instruction, products are rounded in 16-bit lanes.

mod columns;
mod floor;
mod fours;
mod round;
mod runs;
mod scale;

use std::arch::x86_64::*;

use self::floor::{floor, negative_below};
use super::super::signs::{Pointers, Signs};
use super::Avx512;
use super::half::{WHOLE, load32};
use crate::vectors::lowest;
use crate::vectors::slopes::ChunkSlopes;

const GROUP: usize = WHOLE / 2;
const EVEN: u64 = 0x5555_5555_5555_5555;
const INFINITY: i16 = 0x7f80;

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx512 {
    #[inline(always)]
    pub(super) unsafe fn activate_bf16(
        self,
        x: *mut i16,
        len: usize,
        slopes: &impl ChunkSlopes<f32>,
    ) -> u64 {
        // SAFETY: the caller's.
        unsafe {
            let v = load_chunk(x, len);
            let less_one = [less_one(v[0]), less_one(v[1])];
            let others = [from_infinity_on(less_one[0]), from_infinity_on(less_one[1])];
            let normal = normal(less_one, slopes);
            store_chunk(x, len, self.scale_bf16(v, v, others, normal, slopes));
            !join(others)
        }
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_bf16(
        self,
        (g, b, dx): Pointers<i16>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) {
        // SAFETY: the caller's.
        unsafe {
            let v = load_chunk(g, len);
            let basis = match signs {
                Signs::Bits(_) => v,
                Signs::OfBasis => load_chunk(b, len),
            };
            let others = others(signs, basis);
            store_chunk(dx, len, self.scale_bf16(v, v, others, None, slopes));
        }
    }
}

/// Whether no product of the negative ones among elements, of which one was taken, is subnormal, where they have one slope.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn normal(less_one: [__m512i; 2], slopes: &impl ChunkSlopes<f32>) -> Option<bool> {
    // SAFETY: the caller's.
    Some(unsafe { !negative_below(floor(slopes.single()?), less_one) })
}

/// Which elements of a chunk are not positive; the basis is not looked at where signs are bits.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn others(signs: Signs, basis: [__m512i; 2]) -> [__mmask32; 2] {
    match signs {
        Signs::Bits(bits) => [!bits as u32, (!bits >> WHOLE) as u32],
        // SAFETY: the caller's.
        Signs::OfBasis => unsafe {
            [from_infinity_on(less_one(basis[0])), from_infinity_on(less_one(basis[1]))]
        },
    }
}

/// These, and zeroes for the rest.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn only(these: [__mmask32; 2], v: [__m512i; 2]) -> [__m512i; 2] {
    // SAFETY: the caller's.
    unsafe { [_mm512_maskz_mov_epi16(these[0], v[0]), _mm512_maskz_mov_epi16(these[1], v[1])] }
}

/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn less_one(v: __m512i) -> __m512i {
    // SAFETY: the caller's.
    unsafe { _mm512_sub_epi16(v, _mm512_set1_epi16(1)) }
}

/// Which are neither positive nor infinity: told elements less one, of which 0 is the greatest. By name: where LLVM sees a
/// comparison, it makes another one of every use.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn from_infinity_on(less_one: __m512i) -> __mmask32 {
    let mask: __mmask32;
    // SAFETY: a mask register is written.
    unsafe {
        std::arch::asm!(
            "vpcmpnltuw {mask}, {less_one}, {infinity}",
            mask = lateout(kreg) mask,
            less_one = in(zmm_reg) less_one,
            infinity = in(zmm_reg) _mm512_set1_epi16(INFINITY),
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    mask
}

#[inline(always)]
fn join([first, second]: [__mmask32; 2]) -> u64 {
    u64::from(first) | u64::from(second) << WHOLE
}

/// The even and the odd elements, widened.
///
/// # Safety
/// The processor has AVX-512 F.
#[inline(always)]
unsafe fn split(v: __m512i) -> [__m512; 2] {
    // SAFETY: the caller's.
    unsafe {
        let odd = _mm512_and_si512(v, _mm512_set1_epi32(0xffff_0000_u32 as i32));
        [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(v)), _mm512_castsi512_ps(odd)]
    }
}

/// A chunk; behind a short one zeroes.
///
/// # Safety
/// The pointer is good for `len` elements.
#[inline(always)]
unsafe fn load_chunk(from: *const i16, len: usize) -> [__m512i; 2] {
    // SAFETY: the caller's.
    unsafe {
        let second =
            if len > WHOLE { load32(from.add(WHOLE), len - WHOLE) } else { _mm512_setzero_si512() };
        [load32(from, len), second]
    }
}

/// # Safety
/// The pointer is good for `len` elements.
#[inline(always)]
unsafe fn store_chunk(to: *mut i16, len: usize, v: [__m512i; 2]) {
    // SAFETY: the caller's.
    unsafe {
        store32(to, len, v[0]);
        if len > WHOLE {
            store32(to.add(WHOLE), len - WHOLE, v[1]);
        }
    }
}

/// # Safety
/// The pointer is good for `len` elements, or for 32 of them.
#[inline(always)]
unsafe fn store32(to: *mut i16, len: usize, v: __m512i) {
    // SAFETY: the caller's.
    unsafe {
        if len >= WHOLE {
            _mm512_storeu_si512(to.cast(), v);
        } else {
            _mm512_mask_storeu_epi16(to, lowest(len) as u32, v);
        }
    }
}
