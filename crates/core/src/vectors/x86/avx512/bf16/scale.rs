//! `bf16` times slopes, a chunk at a time.
//!
//! ```text
//! wide    = v as f32                       by parity, or in order
//! product = wide * slope
//! v       = v where positive, else product rounded
//! ```
//!
//! Where a chunk is of one run or a few, a shift widens the even elements and a mask the odd ones, as
//! [`crate::vectors::half_sums`] pairs them. A slope per element lies in the order of the elements, and so are they
//! widened, and rounded, then.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::super::Avx512;
use super::super::f32::slopes_at;
use super::super::half::WHOLE;
use super::round::{
    in_order_by_instruction, in_order_in_lanes, parity_by_instruction, parity_in_lanes,
};
use super::{GROUP, split};
use crate::vectors::lowest;
use crate::vectors::slopes::{ByRun, ChunkSlopes};

/// # Safety
/// The processor has AVX-512 F, BW and DQ.
impl Avx512 {
    /// `v`, and where they are `others` the elements `from` times their slopes, rounded: `v` or what has its `others`.
    /// `normal` tells, if anything, whether no product is subnormal.
    #[inline(always)]
    pub(super) unsafe fn scale_bf16(
        self,
        v: [__m512i; 2],
        from: [__m512i; 2],
        others: [__mmask32; 2],
        normal: Option<bool>,
        slopes: &impl ChunkSlopes<f32>,
    ) -> [__m512i; 2] {
        // SAFETY: the caller's.
        unsafe {
            if slopes.single().is_some() || slopes.by_run().is_some() {
                self.scale_by_parity(v, from, others, normal, slopes)
            } else {
                self.scale_in_order(v, from, others, slopes)
            }
        }
    }

    #[inline(always)]
    unsafe fn scale_by_parity(
        self,
        v: [__m512i; 2],
        from: [__m512i; 2],
        others: [__mmask32; 2],
        normal: Option<bool>,
        slopes: &impl ChunkSlopes<f32>,
    ) -> [__m512i; 2] {
        // SAFETY: the caller's, and `rounds_bf16` tells of the instruction.
        unsafe {
            let mut products = [[_mm512_setzero_ps(); 2]; 2];
            for (half, products) in products.iter_mut().enumerate() {
                let (wide, slopes) = (split(from[half]), pairs(slopes, half * WHOLE));
                *products = [_mm512_mul_ps(wide[0], slopes[0]), _mm512_mul_ps(wide[1], slopes[1])];
            }
            let [first, second] = products;
            let normal = match normal {
                Some(normal) => normal,
                None => none_subnormal(products),
            };
            if self.rounds_bf16 && normal {
                [
                    parity_by_instruction(v[0], others[0], first),
                    parity_by_instruction(v[1], others[1], second),
                ]
            } else {
                [
                    _mm512_mask_mov_epi16(v[0], others[0], parity_in_lanes(first)),
                    _mm512_mask_mov_epi16(v[1], others[1], parity_in_lanes(second)),
                ]
            }
        }
    }

    #[inline(always)]
    unsafe fn scale_in_order(
        self,
        v: [__m512i; 2],
        from: [__m512i; 2],
        others: [__mmask32; 2],
        slopes: &impl ChunkSlopes<f32>,
    ) -> [__m512i; 2] {
        // SAFETY: the caller's, and `rounds_bf16` tells of the instruction.
        unsafe {
            let mut products = [[_mm512_setzero_ps(); 2]; 2];
            for (half, products) in products.iter_mut().enumerate() {
                let (wide, at) = (in_order(from[half]), half * WHOLE);
                *products = [
                    _mm512_mul_ps(wide[0], slopes_at(slopes, at)),
                    _mm512_mul_ps(wide[1], slopes_at(slopes, at + GROUP)),
                ];
            }
            let [first, second] = products;
            let rounded = if self.rounds_bf16 && none_subnormal(products) {
                [in_order_by_instruction(first), in_order_by_instruction(second)]
            } else {
                [in_order_in_lanes(first), in_order_in_lanes(second)]
            };
            [
                _mm512_mask_mov_epi16(v[0], others[0], rounded[0]),
                _mm512_mask_mov_epi16(v[1], others[1], rounded[1]),
            ]
        }
    }
}

/// The first sixteen of 32 elements, and the others, widened.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
pub(super) unsafe fn in_order(v: __m512i) -> [__m512; 2] {
    const UPPER: __mmask32 = 0xaaaa_aaaa;
    const PLACES: [[u16; WHOLE]; 2] = {
        let mut places = [[0; WHOLE]; 2];
        let mut lane = 0;
        while lane < GROUP {
            (places[0][2 * lane + 1], places[1][2 * lane + 1]) =
                (lane as u16, (lane + GROUP) as u16);
            lane += 1;
        }
        places
    };
    // SAFETY: the caller's.
    unsafe {
        let [first, second] = [cast(PLACES[0]), cast(PLACES[1])];
        [
            _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(UPPER, first, v)),
            _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(UPPER, second, v)),
        ]
    }
}

/// The slopes of the even and of the odd ones of 32 elements of a chunk of one run or a few.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn pairs(slopes: &impl ChunkSlopes<f32>, at: usize) -> [__m512; 2] {
    // SAFETY: the caller's.
    unsafe {
        let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
            return [_mm512_set1_ps(slopes.lane(at)); 2];
        };
        // Blended as what they are, `bf16`.
        let [before_first, before_second] = ends.map(|end| (lowest(end) >> at) as u32);
        let later = _mm512_mask_mov_epi16(halves(third), before_second, halves(second));
        split(_mm512_mask_mov_epi16(later, before_first, halves(first)))
    }
}

/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
unsafe fn halves(slope: f32) -> __m512i {
    // SAFETY: the caller's.
    unsafe { _mm512_set1_epi16((slope.to_bits() >> 16) as i16) }
}

/// # Safety
/// The processor has AVX-512 DQ.
#[inline(always)]
unsafe fn none_subnormal([[a, b], [c, d]]: [[__m512; 2]; 2]) -> bool {
    const SUBNORMAL: i32 = 0x20;
    // SAFETY: the caller's.
    unsafe {
        _mm512_fpclass_ps_mask::<SUBNORMAL>(a)
            | _mm512_fpclass_ps_mask::<SUBNORMAL>(b)
            | _mm512_fpclass_ps_mask::<SUBNORMAL>(c)
            | _mm512_fpclass_ps_mask::<SUBNORMAL>(d)
            == 0
    }
}
