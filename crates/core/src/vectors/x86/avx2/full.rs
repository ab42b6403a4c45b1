//! `f32` and `f64`.

use std::arch::x86_64::*;

use bytemuck::cast;

use super::Avx2;
use crate::vectors::slopes::ChunkSlopes;
use crate::vectors::{CHUNK, Columns, LANES, Lanes};

/// All ones in the lanes whose bit, of four, is set.
static MASKS: [[i64; 4]; 16] = {
    let mut masks = [[0; 4]; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut lane = 0;
        while lane < 4 {
            masks[bits][lane] = -(bits as i64 >> lane & 1);
            lane += 1;
        }
        bits += 1;
    }
    masks
};

/// The mask of the lowest four bits.
#[inline(always)]
fn mask4(bits: u64) -> __m256d {
    cast(MASKS[bits as usize & 15])
}

/// All ones in the lanes whose bit, of the lowest eight, is set.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn mask8(bits: u64) -> __m256 {
    // SAFETY: the caller's.
    unsafe {
        let bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let own = _mm256_and_si256(_mm256_set1_epi32(bits as i32), bit);
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(own, bit))
    }
}

impl Avx2 {
    #[inline(always)]
    pub(super) fn activate_f32(
        self,
        mut x: [[f32; 8]; 8],
        slopes: &impl ChunkSlopes<f32>,
    ) -> ([[f32; 8]; 8], u64) {
        let mut bits = 0;
        for (index, x) in x.iter_mut().enumerate() {
            let slope = cast(slopes.group::<8>(8 * index));
            // SAFETY: the value `self` proves AVX2.
            unsafe {
                let v: __m256 = cast(*x);
                let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(v, _mm256_setzero_ps());
                bits |= u64::from(_mm256_movemask_ps(positive) as u8) << (8 * index);
                let factor = _mm256_blendv_ps(slope, _mm256_set1_ps(1.0), positive);
                *x = cast(_mm256_mul_ps(v, factor));
            }
        }
        (x, bits)
    }

    #[inline(always)]
    pub(super) fn activate_f64(
        self,
        mut x: [[f64; 4]; 16],
        slopes: &impl ChunkSlopes<f64>,
    ) -> ([[f64; 4]; 16], u64) {
        let mut bits = 0;
        for (index, x) in x.iter_mut().enumerate() {
            let slope = cast(slopes.group::<4>(4 * index));
            // SAFETY: the value `self` proves AVX2.
            unsafe {
                let v: __m256d = cast(*x);
                let positive = _mm256_cmp_pd::<_CMP_GT_OQ>(v, _mm256_setzero_pd());
                bits |= u64::from(_mm256_movemask_pd(positive) as u8) << (4 * index);
                let factor = _mm256_blendv_pd(slope, _mm256_set1_pd(1.0), positive);
                *x = cast(_mm256_mul_pd(v, factor));
            }
        }
        (x, bits)
    }

    /// `g * (1 if the sign is set else slope)`.
    #[inline(always)]
    pub(super) fn scale_f32(
        self,
        mut g: [[f32; 8]; 8],
        signs: u64,
        slopes: &impl ChunkSlopes<f32>,
    ) -> [[f32; 8]; 8] {
        for (index, g) in g.iter_mut().enumerate() {
            let slope = cast(slopes.group::<8>(8 * index));
            // SAFETY: the value `self` proves AVX2.
            unsafe {
                let positive = mask8(signs >> (8 * index));
                let factor = _mm256_blendv_ps(slope, _mm256_set1_ps(1.0), positive);
                *g = cast(_mm256_mul_ps(cast(*g), factor));
            }
        }
        g
    }

    /// `g * (1 if the sign is set else slope)`.
    #[inline(always)]
    pub(super) fn scale_f64(
        self,
        mut g: [[f64; 4]; 16],
        signs: u64,
        slopes: &impl ChunkSlopes<f64>,
    ) -> [[f64; 4]; 16] {
        for (index, g) in g.iter_mut().enumerate() {
            let slope = cast(slopes.group::<4>(4 * index));
            // SAFETY: the value `self` proves AVX2.
            unsafe {
                let positive = mask4(signs >> (4 * index));
                let factor = _mm256_blendv_pd(slope, _mm256_set1_pd(1.0), positive);
                *g = cast(_mm256_mul_pd(cast(*g), factor));
            }
        }
        g
    }

    #[inline(always)]
    pub(super) fn sum_f32(
        self,
        sums: &mut [f64; LANES],
        g: [[[f32; 4]; 4]; 4],
        b: [[[f32; 4]; 4]; 4],
        which: u64,
    ) {
        let mut lanes: [[f64; 4]; 4] = cast(*sums);
        for (row, (g, b)) in g.into_iter().zip(b).enumerate() {
            for (four, lane) in lanes.iter_mut().enumerate() {
                // SAFETY: the value `self` proves AVX2.
                *lane = unsafe { add4(g[four], b[four], which >> (16 * row + 4 * four), *lane) };
            }
        }
        *sums = cast(lanes);
    }

    #[inline(always)]
    pub(super) fn columns_f32(
        self,
        sums: &mut [f64; CHUNK],
        g: [[f32; 4]; 16],
        b: [[f32; 4]; 16],
        which: u64,
    ) {
        for (four, sum) in sums.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            // SAFETY: the value `self` proves AVX2.
            *sum = unsafe { add4(g[four], b[four], which >> (4 * four), *sum) };
        }
    }

    #[inline(always)]
    pub(super) fn sum_f64(
        self,
        lanes: &mut Lanes,
        g: [[[f64; 4]; 4]; 4],
        b: [[[f64; 4]; 4]; 4],
        which: u64,
    ) {
        let (mut sums, mut lost): ([[f64; 4]; 4], [[f64; 4]; 4]) =
            (cast(lanes.sums), cast(lanes.lost));
        for (row, (g, b)) in g.into_iter().zip(b).enumerate() {
            for (four, (sum, lost)) in sums.iter_mut().zip(&mut lost).enumerate() {
                // SAFETY: the value `self` proves AVX2.
                unsafe {
                    let bits = which >> (16 * row + 4 * four);
                    (*sum, *lost) = add4_twofold(g[four], b[four], bits, *sum, *lost);
                }
            }
        }
        (lanes.sums, lanes.lost) = (cast(sums), cast(lost));
    }

    #[inline(always)]
    pub(super) fn columns_f64(
        self,
        columns: &mut Columns,
        g: [[f64; 4]; 16],
        b: [[f64; 4]; 16],
        which: u64,
    ) {
        let sums = columns.sums.as_chunks_mut::<4>().0;
        let lost = columns.lost.as_chunks_mut::<4>().0;
        for (four, (sum, lost)) in sums.iter_mut().zip(lost).enumerate() {
            // SAFETY: the value `self` proves AVX2.
            unsafe {
                (*sum, *lost) = add4_twofold(g[four], b[four], which >> (4 * four), *sum, *lost);
            }
        }
    }
}

/// `sum + g * b` in the lanes whose bit, of the lowest four, is set. The product of two `f32` is exact.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn add4(g: [f32; 4], b: [f32; 4], which: u64, sum: [f64; 4]) -> [f64; 4] {
    // SAFETY: the caller's.
    unsafe {
        let product = _mm256_mul_pd(_mm256_cvtps_pd(cast(g)), _mm256_cvtps_pd(cast(b)));
        cast(_mm256_add_pd(cast(sum), _mm256_and_pd(product, mask4(which))))
    }
}

/// The same for `f64`, and what the roundings lose is added to `lost`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn add4_twofold(
    g: [f64; 4],
    b: [f64; 4],
    which: u64,
    sum: [f64; 4],
    lost: [f64; 4],
) -> ([f64; 4], [f64; 4]) {
    // SAFETY: the caller's.
    unsafe {
        let (sum, lost): (__m256d, __m256d) = (cast(sum), cast(lost));
        let term = _mm256_and_pd(_mm256_mul_pd(cast(g), cast(b)), mask4(which));
        let next = _mm256_add_pd(sum, term);
        let from_term = _mm256_sub_pd(next, sum);
        let from_sum = _mm256_sub_pd(next, from_term);
        let error = _mm256_add_pd(_mm256_sub_pd(sum, from_sum), _mm256_sub_pd(term, from_term));
        (cast(next), cast(_mm256_add_pd(lost, error)))
    }
}
