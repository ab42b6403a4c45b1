//! Whether a slope makes products of negative elements that are subnormal in `f32`, told by the elements: one test for a
//! chunk.

use std::arch::x86_64::*;

/// The least magnitude, as bits of a `bf16`, whose product by the slope is not below the normal numbers of `f32`; 0
/// where all products are 0, and then they are not.
#[inline(always)]
pub(super) fn floor(slope: f32) -> u16 {
    if slope == 0.0 {
        return 0;
    }
    // Rounded up: a product has 16 bits, so that it is not as close to the limit as the quotient's rounding.
    let least = (f32::MIN_POSITIVE / slope.abs()).to_bits();
    (least.saturating_add(0xffff) >> 16) as u16
}

/// Whether one of the elements is negative and its magnitude is below the floor, but not 0: told elements less one.
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
pub(super) unsafe fn negative_below(floor: u16, less_one: [__m512i; 2]) -> bool {
    // As signed numbers these are the least.
    let end = i16::MIN.wrapping_add(floor.saturating_sub(1) as i16);
    // SAFETY: the caller's.
    unsafe {
        let least = _mm512_min_epi16(less_one[0], less_one[1]);
        _mm512_cmplt_epi16_mask(least, _mm512_set1_epi16(end)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widened(bits: u16) -> f32 {
        f32::from_bits(u32::from(bits) << 16)
    }

    #[test]
    fn products_from_the_floor_on_are_normal_and_those_below_are_not() {
        for slope in (0..=0x7f7f).map(widened) {
            let floor = floor(slope);
            let normal = |bits: u16| !(widened(bits) * slope).is_subnormal();
            assert!((floor..0x7f80).step_by(97).chain([floor]).all(normal), "{slope:e}");
            assert!(floor == 0 || (1..floor).rev().take(3).all(|bits| !normal(bits)), "{slope:e}");
        }
        assert_eq!(floor(f32::INFINITY), 0);
        assert_eq!(floor(-0.3), floor(0.3));
    }
}
