//! `f16` and `bf16` to `f32` and back, free of branches and calls so that the loops vectorise.
//!
//! The `half` crate converts through a function that looks the processor up on every call. These
//! are the same conversions as integer arithmetic, checked against it for every 16-bit pattern.
//! Rounding is to nearest, ties to even; a NaN stays a NaN and becomes a quiet one.

use half::{bf16, f16};

const SIGN: u32 = 0x8000_0000;
const INFINITY: u32 = 0x7f80_0000;

/// The exact value of an `f16`.
#[inline(always)]
pub(crate) fn widen_f16(half: f16) -> f32 {
    let bits = u32::from(half.to_bits());
    let magnitude = bits & 0x7fff;
    // Exponent and mantissa in place, the exponent's bias put right by an exact multiplication,
    // which normalises subnormals too.
    let finite = (f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000)).to_bits();
    let special = magnitude << 13 | INFINITY;
    let quiet = if magnitude > 0x7c00 { 0x0040_0000 } else { 0 };
    let wide = if magnitude < 0x7c00 { finite } else { special | quiet };
    f32::from_bits(wide | (bits & 0x8000) << 16)
}

/// The nearest `f16`.
#[inline(always)]
pub(crate) fn narrow_f16(wide: f32) -> f16 {
    let bits = wide.to_bits();
    let magnitude = bits & !SIGN;
    // Normal results: rebias the exponent, round the 13 bits that go.
    let odd = magnitude >> 13 & 1;
    let normal = magnitude.wrapping_sub(0x3800_0000).wrapping_add(0x0fff + odd) >> 13;
    // Subnormal results: 0.5 has the place value of their last bit, so that adding it rounds.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3f00_0000);
    let nan = 0x7e00 | (magnitude >> 13 & 0x03ff);
    let half = if magnitude < 0x3880_0000 { subnormal } else { normal };
    // 65520 and above round to infinity.
    let half = if magnitude >= 0x477f_f000 { 0x7c00 } else { half };
    let half = if magnitude > INFINITY { nan } else { half };
    f16::from_bits((half | (bits & SIGN) >> 16) as u16)
}

/// The exact value of a `bf16`.
#[inline(always)]
pub(crate) fn widen_bf16(half: bf16) -> f32 {
    let bits = u32::from(half.to_bits()) << 16;
    let quiet = if bits & !SIGN > INFINITY { 0x0040_0000 } else { 0 };
    f32::from_bits(bits | quiet)
}

/// The nearest `bf16`.
#[inline(always)]
pub(crate) fn narrow_bf16(wide: f32) -> bf16 {
    let bits = wide.to_bits();
    let odd = bits >> 16 & 1;
    let rounded = bits.wrapping_add(0x7fff + odd) >> 16;
    let nan = bits >> 16 | 0x0040;
    bf16::from_bits((if bits & !SIGN > INFINITY { nan } else { rounded }) as u16)
}

/// The `bf16` nearest to the product of two. A NaN among such products has a lower half of zeroes (it is an
/// operand's, made quiet, or the default one), so that rounding leaves it a NaN without being told to.
#[inline(always)]
pub(crate) fn round_bf16_product(product: f32) -> bf16 {
    let bits = product.to_bits();
    let odd = bits >> 16 & 1;
    bf16::from_bits((bits.wrapping_add(0x7fff + odd) >> 16) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_two_bf16_round_as_any_number_does() {
        let factors =
            [0x0000, 0x8000, 0x3f80, 0x3e9a, 0xbf33, 0x7f80, 0xff80, 0x7fc1, 0x7f81, 0x0001];
        for bits in 0..=u16::MAX {
            for factor in factors.map(bf16::from_bits) {
                let product = widen_bf16(bf16::from_bits(bits)) * widen_bf16(factor);
                same(
                    round_bf16_product(product).to_bits(),
                    narrow_bf16(product).to_bits(),
                    product,
                );
                let raw = f32::from_bits(u32::from(bits) << 16) * widen_bf16(factor);
                assert_eq!(
                    round_bf16_product(raw).is_nan(),
                    product.is_nan(),
                    "{bits:#x} {factor}"
                );
            }
        }
    }

    #[test]
    fn every_half_widens_as_the_half_crate_does() {
        for bits in 0..=u16::MAX {
            let (half, brain) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert_eq!(widen_f16(half).to_bits(), half.to_f32_const().to_bits(), "{bits:#x}");
            assert_eq!(widen_bf16(brain).to_bits(), brain.to_f32_const().to_bits(), "{bits:#x}");
        }
    }

    #[test]
    fn every_boundary_narrows_as_the_half_crate_does() {
        // Every half, the midpoint to the next one, and the f32 just beside each.
        for bits in 0..=u16::MAX {
            for centre in [f16::from_bits(bits).to_f32_const(), widen_bf16(bf16::from_bits(bits))] {
                let step = [0, 1, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001];
                for wide in step.map(|step| f32::from_bits(centre.to_bits().wrapping_add(step))) {
                    same(narrow_f16(wide).to_bits(), f16::from_f32_const(wide).to_bits(), wide);
                    same(narrow_bf16(wide).to_bits(), bf16::from_f32_const(wide).to_bits(), wide);
                }
            }
        }
    }

    #[test]
    fn a_sweep_of_all_magnitudes_narrows_as_the_half_crate_does() {
        for bits in (0..=u32::MAX).step_by(1021) {
            let wide = f32::from_bits(bits);
            same(narrow_f16(wide).to_bits(), f16::from_f32_const(wide).to_bits(), wide);
            same(narrow_bf16(wide).to_bits(), bf16::from_f32_const(wide).to_bits(), wide);
        }
    }

    fn same(got: u16, expected: u16, wide: f32) {
        assert_eq!(got, expected, "{wide:e} ({:#x})", wide.to_bits());
    }
}
