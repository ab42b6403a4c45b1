//! Two-byte types: sixteen elements as two vectors of `f32`, in the order that the type is widened in.

mod backward;
mod bf16;
mod f16;

use std::arch::x86_64::*;

use bytemuck::cast;

pub(super) use self::bf16::Bf16;
pub(super) use self::f16::F16;
use super::super::signs::{Pointers, Signs};
use super::Avx2;
use crate::vectors::slopes::{ByRun, ChunkSlopes};
use crate::vectors::{CHUNK, LANES};

const GROUP: usize = 16;
const GROUPS: usize = CHUNK / GROUP;

/// A number for each element of a chunk, in the order of [`Half::load`].
type Products = [[__m256; 2]; GROUPS];

/// How a type is widened and rounded. Its functions are for processors with what [`Avx2`] stands for.
pub(super) trait Half {
    /// As bits.
    const INFINITY: i16;
    /// By how much the bit of an element has to move to become the highest, by vector and lane.
    const TO_HIGHEST: [[i32; 8]; 2];
    /// Whether `f32` holds every sum of four products.
    const EXACT: bool;
    /// Sixteen elements.
    type Rounded: Copy;

    /// The exact values of sixteen elements.
    unsafe fn load(from: *const i16) -> [__m256; 2];
    /// The elements nearest to products of two.
    unsafe fn round(products: [__m256; 2]) -> Self::Rounded;
    /// Writes sixteen elements.
    unsafe fn store(to: *mut i16, elements: Self::Rounded);
    /// Bits in the order of the elements, of masks of twice sixteen in that of [`Half::load`]: lanes of all ones or of none.
    unsafe fn bits(masks: [[__m256; 2]; 2]) -> u64;
    /// What belongs to sixteen elements, brought from their order to that of [`Half::load`].
    unsafe fn arrange(slopes: [__m256; 2]) -> [__m256; 2];
    /// What lies in the order of [`Half::load`], in that of the elements.
    unsafe fn in_order(vectors: [__m256; 2]) -> [__m256; 2];
    /// Whether `f32` holds these sums.
    unsafe fn hold(sums: &Products) -> bool;
    /// The sums of four that `crate::vectors::half_sums` describes, or none where `f32` does not hold them.
    unsafe fn fours(products: Products) -> Option<[__m256; 2]>;
}

/// # Safety
/// Pointers are good for `len` elements, at most a chunk, and elements may be written where others of the
/// same place were read.
impl Avx2 {
    #[inline(always)]
    pub(super) unsafe fn signs_half<H: Half>(self, x: *const i16, len: usize) -> u64 {
        let (mut bits, mut at) = (0, 0);
        while at < len {
            // SAFETY: the caller's.
            bits |= unsafe { sign_bits::<H>(elements(x.add(at), len - at)) } << at;
            at += GROUP;
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn activate_half<H: Half>(
        self,
        x: *mut i16,
        len: usize,
        slopes: &impl ChunkSlopes<f32>,
    ) -> u64 {
        let (mut bits, mut at) = (0, 0);
        // SAFETY: the caller's.
        unsafe {
            while at + 2 * GROUP <= len {
                let first = activate::<H>(x.add(at), GROUP, slopes_at::<H>(slopes, at));
                let second = at + GROUP;
                let second = activate::<H>(x.add(second), GROUP, slopes_at::<H>(slopes, second));
                bits |= H::bits([first, second]) << at;
                at += 2 * GROUP;
            }
            while at < len {
                let none = [_mm256_setzero_ps(); 2];
                let first = activate::<H>(x.add(at), len - at, slopes_at::<H>(slopes, at));
                bits |= H::bits([first, none]) << at;
                at += GROUP;
            }
        }
        bits
    }

    #[inline(always)]
    pub(super) unsafe fn propagate_half<H: Half>(
        self,
        (g, b, dx): Pointers<i16>,
        len: usize,
        signs: Signs,
        slopes: &impl ChunkSlopes<f32>,
    ) {
        let mut at = 0;
        while at < len {
            // SAFETY: the caller's.
            unsafe {
                let [g0, g1] = load::<H>(g.add(at), len - at);
                let [k, l] = match signs {
                    Signs::Bits(bits) => selected::<H>(bits >> at),
                    Signs::OfBasis => positive(load::<H>(b.add(at), len - at)),
                };
                let ([s, t], one) = (slopes_at::<H>(slopes, at), _mm256_set1_ps(1.0));
                let (s, t) = (_mm256_blendv_ps(s, one, k), _mm256_blendv_ps(t, one, l));
                let products = [_mm256_mul_ps(g0, s), _mm256_mul_ps(g1, t)];
                store::<H>(dx.add(at), len - at, H::round(products));
            }
            at += GROUP;
        }
    }

    /// Adds the products of a whole chunk to fours, which lie as they are widened. Whether that could be done in `f32`; if
    /// not, nothing was added.
    #[inline(always)]
    #[must_use]
    pub(super) unsafe fn fours_half<H: Half>(
        self,
        g: *const i16,
        b: *const i16,
        signs: Signs,
        fours: &mut [f32; CHUNK],
    ) -> bool {
        let mut next: Products = cast(*fours);
        for (index, [first, second]) in next.iter_mut().enumerate() {
            let at = GROUP * index;
            // SAFETY: the caller's.
            unsafe {
                let [g0, g1] = H::load(g.add(at));
                let [b0, b1] = H::load(b.add(at));
                let [k, l] = masks::<H>(signs, at, [b0, b1]);
                *first = _mm256_add_ps(*first, unless(k, g0, b0, signs));
                *second = _mm256_add_ps(*second, unless(l, g1, b1, signs));
            }
        }
        // SAFETY: the value `self` proves AVX2.
        let held = unsafe { H::hold(&next) };
        if held {
            *fours = cast(next);
        }
        held
    }

    /// Fours as they are widened, in the order of their elements.
    #[inline(always)]
    pub(super) fn in_order<H: Half>(self, fours: &[f32; CHUNK]) -> [f32; CHUNK] {
        let mut groups: Products = cast(*fours);
        for group in &mut groups {
            // SAFETY: the value `self` proves AVX2.
            *group = unsafe { H::in_order(*group) };
        }
        cast(groups)
    }
}

/// Adds sums of four to their lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn add(fours: [__m256; 2], sums: &mut [f64; LANES]) {
    let (lanes, fours): ([__m256d; 4], [__m128; 4]) = (cast(*sums), cast(fours));
    // SAFETY: the caller's.
    *sums = unsafe {
        cast([
            _mm256_add_pd(lanes[0], _mm256_cvtps_pd(fours[0])),
            _mm256_add_pd(lanes[1], _mm256_cvtps_pd(fours[1])),
            _mm256_add_pd(lanes[2], _mm256_cvtps_pd(fours[2])),
            _mm256_add_pd(lanes[3], _mm256_cvtps_pd(fours[3])),
        ])
    };
}

/// The slopes of sixteen elements.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn slopes_at<H: Half>(slopes: &impl ChunkSlopes<f32>, at: usize) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        let Some(ByRun { slopes: [first, second, third], ends }) = slopes.by_run() else {
            return H::arrange([cast(slopes.group::<8>(at)), cast(slopes.group::<8>(at + 8))]);
        };
        let [k, l] = before::<H>(ends[1], at);
        let [first, second, third] =
            [_mm256_set1_ps(first), _mm256_set1_ps(second), _mm256_set1_ps(third)];
        let later = [_mm256_blendv_ps(third, second, k), _mm256_blendv_ps(third, second, l)];
        let [k, l] = before::<H>(ends[0], at);
        [_mm256_blendv_ps(later[0], first, k), _mm256_blendv_ps(later[1], first, l)]
    }
}

/// Masks of those of the sixteen elements from `at` on that come before `end`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn before<H: Half>(end: usize, at: usize) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        // An element's bit has 31 less its place to go.
        let (end, last) = (_mm256_set1_epi32(end as i32), _mm256_set1_epi32(31 + at as i32));
        let first = _mm256_sub_epi32(last, cast(H::TO_HIGHEST[0]));
        let second = _mm256_sub_epi32(last, cast(H::TO_HIGHEST[1]));
        [cast(_mm256_cmpgt_epi32(end, first)), cast(_mm256_cmpgt_epi32(end, second))]
    }
}

/// Up to sixteen elements. Masks of those that were above 0.
///
/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn activate<H: Half>(x: *mut i16, len: usize, [s, t]: [__m256; 2]) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        let [a, b] = load::<H>(x, len);
        let ([k, l], one) = (positive([a, b]), _mm256_set1_ps(1.0));
        let (s, t) = (_mm256_blendv_ps(s, one, k), _mm256_blendv_ps(t, one, l));
        store::<H>(x, len, H::round([_mm256_mul_ps(a, s), _mm256_mul_ps(b, t)]));
        [k, l]
    }
}

/// Masks of the elements above 0.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn positive([a, b]: [__m256; 2]) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        let zero = _mm256_setzero_ps();
        [_mm256_cmp_ps::<_CMP_GT_OQ>(a, zero), _mm256_cmp_ps::<_CMP_GT_OQ>(b, zero)]
    }
}

/// The products, and 0 in the lanes of `positive`, which [`masks`] made: of bits the highest alone is right, a comparison's are all
/// ones or none.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn unless(positive: __m256, g: __m256, b: __m256, signs: Signs) -> __m256 {
    // SAFETY: the caller's.
    unsafe {
        let product = _mm256_mul_ps(g, b);
        match signs {
            Signs::OfBasis => _mm256_andnot_ps(positive, product),
            Signs::Bits(_) => _mm256_blendv_ps(product, _mm256_setzero_ps(), positive),
        }
    }
}

/// Masks, or lanes whose highest bit is one, of the elements from `at` on that are positive.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn masks<H: Half>(signs: Signs, at: usize, basis: [__m256; 2]) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        match signs {
            Signs::Bits(bits) => selected::<H>(bits >> at),
            Signs::OfBasis => positive(basis),
        }
    }
}

/// Lanes whose highest bit is that of an element; blends look at no other.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn selected<H: Half>(bits: u64) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe {
        let bits = _mm256_set1_epi32(bits as i32);
        let [first, second] = [cast(H::TO_HIGHEST[0]), cast(H::TO_HIGHEST[1])];
        [cast(_mm256_sllv_epi32(bits, first)), cast(_mm256_sllv_epi32(bits, second))]
    }
}

/// Which of sixteen are greater than 0 and at most infinity.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn sign_bits<H: Half>(x: __m256i) -> u64 {
    // SAFETY: the caller's.
    unsafe {
        let beyond = _mm256_cmpgt_epi16(x, _mm256_set1_epi16(H::INFINITY));
        let positive = _mm256_andnot_si256(beyond, _mm256_cmpgt_epi16(x, _mm256_setzero_si256()));
        let (low, high) =
            (_mm256_castsi256_si128(positive), _mm256_extracti128_si256::<1>(positive));
        u64::from(_mm_movemask_epi8(_mm_packs_epi16(low, high)) as u16)
    }
}

/// Up to sixteen elements; behind a short group zeroes.
///
/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn elements(from: *const i16, len: usize) -> __m256i {
    // SAFETY: the caller's.
    unsafe { if len >= GROUP { _mm256_loadu_si256(from.cast()) } else { cast(padded(from, len)) } }
}

/// [`Half::load`] of up to sixteen elements; behind a short group zeroes.
///
/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn load<H: Half>(from: *const i16, len: usize) -> [__m256; 2] {
    // SAFETY: the caller's.
    unsafe { if len >= GROUP { H::load(from) } else { H::load(padded(from, len).as_ptr()) } }
}

/// [`Half::store`] of up to sixteen elements.
///
/// # Safety
/// The pointer is good for `len` elements, or for sixteen of them.
#[inline(always)]
unsafe fn store<H: Half>(to: *mut i16, len: usize, elements: H::Rounded) {
    // SAFETY: the caller's.
    unsafe {
        if len >= GROUP {
            return H::store(to, elements);
        }
        let mut group = [0; GROUP];
        H::store(group.as_mut_ptr(), elements);
        copy(group.as_ptr(), to, len);
    }
}

/// Fewer than sixteen elements, and zeroes behind them.
///
/// # Safety
/// The pointer is good for `len` elements.
#[inline(always)]
unsafe fn padded(from: *const i16, len: usize) -> [i16; GROUP] {
    let mut group = [0; GROUP];
    // SAFETY: the caller's.
    unsafe { copy(from, group.as_mut_ptr(), len) };
    group
}

/// Fewer than sixteen, in pieces whose lengths LLVM knows: a call would cost more.
///
/// # Safety
/// Both pointers are good for `len` elements.
#[inline(always)]
unsafe fn copy(from: *const i16, to: *mut i16, len: usize) {
    let mut at = 0;
    macro_rules! piece {
        ($size:literal) => {
            if len & $size != 0 {
                // SAFETY: the caller's.
                unsafe {
                    let piece = from.add(at).cast::<[i16; $size]>().read();
                    to.add(at).cast::<[i16; $size]>().write(piece);
                }
                at += $size;
            }
        };
    }
    piece!(8);
    piece!(4);
    piece!(2);
    piece!(1);
    debug_assert!(at == len);
}
