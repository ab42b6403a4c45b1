//! Two elements of a two-byte type in a word of 32 bits, the first in the lower half: loops over words keep to one width
//! of lane, in which two numbers come apart by a shift and a mask, and are put together again.

const LOWER: u32 = 0xffff;
const UPPER: u32 = !LOWER;
const SIGN: u32 = 0x8000_0000;
const SIGNS: u32 = 0x8000_8000;

/// A two-byte type.
pub(crate) trait Pair {
    /// The exact values. A type's infinities and NaNs are other numbers where it [is finite](Pair::FINITE).
    fn widen(word: u32) -> [f32; 2];

    /// Elements as they are where `positive` has ones, the others times their slopes. Where the type
    /// [is finite](Pair::FINITE), elements have to be.
    fn scaled(word: u32, positive: u32, slopes: [f32; 2]) -> u32;

    /// Whether only finite elements are converted right.
    const FINITE: bool;
}

/// See [`half::f16`].
pub(crate) struct F16;

/// See [`half::bf16`].
pub(crate) struct Bf16;

impl F16 {
    /// What a magnitude's bits lack as those of an `f32`, for its bias: 2^112.
    const BIAS: f32 = f32::from_bits((127 + 112) << 23);

    /// Magnitudes of which `BIAS` is still to be multiplied.
    #[inline(always)]
    fn magnitudes(word: u32) -> [f32; 2] {
        [(word & 0x7fff) << 13, word >> 3 & 0x0fff_e000].map(f32::from_bits)
    }

    /// The magnitude nearest to a product of two, as `BIAS` times less. The sum with 2^13 times the product has only 11 bits
    /// of it left, and the sum with 1/2 those down to the smallest subnormal.
    #[inline(always)]
    fn rounded(product: f32) -> u32 {
        const INFINITY: f32 = 65536.0;
        // So that a NaN remains one.
        let product = if product > INFINITY { INFINITY } else { product };
        let higher = product * 8192.0;
        let higher = if higher > 0.5 { higher } else { 0.5 };
        (((product + higher) - higher) * (1.0 / Self::BIAS)).to_bits()
    }
}

impl Pair for F16 {
    const FINITE: bool = true;

    #[inline(always)]
    fn widen(word: u32) -> [f32; 2] {
        // The sign fills what the shift leaves free.
        let bits = [word << 16, word].map(|word| ((word as i32) >> 3) as u32 & 0x8fff_e000);
        bits.map(|bits| f32::from_bits(bits) * Self::BIAS)
    }

    #[inline(always)]
    fn scaled(word: u32, positive: u32, slopes: [f32; 2]) -> u32 {
        let kept = positive | SIGNS;
        let [first, second] = Self::magnitudes(word & !kept);
        let first = Self::rounded(first * (slopes[0].abs() * Self::BIAS));
        let second = Self::rounded(second * (slopes[1].abs() * Self::BIAS));
        let signs = (slopes[0].to_bits() & SIGN) >> 16 | slopes[1].to_bits() & SIGN;
        let scaled = first >> 13 & 0x7fff | second << 3;
        // A slope that is not finite makes numbers of the positive ones' zeroes.
        (word & kept) ^ (scaled ^ signs) & !positive
    }
}

impl Pair for Bf16 {
    const FINITE: bool = false;

    #[inline(always)]
    fn widen(word: u32) -> [f32; 2] {
        [word << 16, word & UPPER].map(f32::from_bits)
    }

    #[inline(always)]
    fn scaled(word: u32, positive: u32, slopes: [f32; 2]) -> u32 {
        let [first, second] = Self::widen(word);
        let first = rounded_to_upper(first * slopes[0]) >> 16;
        let second = rounded_to_upper(second * slopes[1]) & UPPER;
        let scaled = first | second;
        scaled ^ (word ^ scaled) & positive
    }
}

/// [`crate::half_width::round_bf16_product`] before the shift.
#[inline(always)]
fn rounded_to_upper(product: f32) -> u32 {
    let bits = product.to_bits();
    bits.wrapping_add((bits >> 16 & 1) + 0x7fff)
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;
    use crate::half_width::{narrow_bf16, narrow_f16, widen_bf16, widen_f16};

    /// Slopes of every kind: 0, 1, thirds, the smallest, large ones, infinities and a NaN.
    const F16_SLOPES: [u16; 14] = [
        0, 0x8000, 0x3c00, 0xbc00, 0x3555, 0xb2ab, 0x0001, 0x8001, 0x03ff, 0x7bff, 0x4a47, 0x7c00,
        0xfc00, 0x7e01,
    ];
    const BF16_SLOPES: [u16; 14] = [
        0, 0x8000, 0x3f80, 0xbf80, 0x3eab, 0xbe9a, 0x0001, 0x8001, 0x007f, 0x7f7f, 0x1f47, 0x7f80,
        0xff80, 0x7fc1,
    ];

    #[test]
    fn every_half_is_scaled_as_a_single_one_is() {
        for bits in 0..=u16::MAX {
            for (at, slope) in F16_SLOPES.map(f16::from_bits).into_iter().enumerate() {
                let other = f16::from_bits(F16_SLOPES[(at + 3) % 10]);
                let x = f16::from_bits(bits);
                if !x.is_finite() {
                    continue;
                }
                let single = |x, slope| narrow_f16(widen_f16(x) * widen_f16(slope)).to_bits();
                let slopes = [slope, other].map(widen_f16);
                both::<F16>(
                    bits,
                    0x3801,
                    slopes,
                    [single(x, slope), single(f16::from_bits(0x3801), other)],
                );
                let slopes = [other, slope].map(widen_f16);
                both::<F16>(
                    0x3801,
                    bits,
                    slopes,
                    [single(f16::from_bits(0x3801), other), single(x, slope)],
                );
            }
            for (at, slope) in BF16_SLOPES.map(bf16::from_bits).into_iter().enumerate() {
                let other = bf16::from_bits(BF16_SLOPES[(at + 3) % 10]);
                let x = bf16::from_bits(bits);
                let single = |x, slope| narrow_bf16(widen_bf16(x) * widen_bf16(slope)).to_bits();
                let slopes = [slope, other].map(widen_bf16);
                both::<Bf16>(
                    bits,
                    0x3f81,
                    slopes,
                    [single(x, slope), single(bf16::from_bits(0x3f81), other)],
                );
                let slopes = [other, slope].map(widen_bf16);
                both::<Bf16>(
                    0x3f81,
                    bits,
                    slopes,
                    [single(bf16::from_bits(0x3f81), other), single(x, slope)],
                );
            }
        }
    }

    #[test]
    fn every_half_widens_as_a_single_one_does() {
        for bits in 0..=u16::MAX {
            let word = u32::from(bits) | u32::from(!bits) << 16;
            if f16::from_bits(bits).is_finite() {
                assert_eq!(F16::widen(word)[0], widen_f16(f16::from_bits(bits)));
                assert_eq!(F16::widen(word.rotate_left(16))[1], widen_f16(f16::from_bits(bits)));
            }
            let wide = widen_bf16(bf16::from_bits(bits));
            for got in [Bf16::widen(word)[0], Bf16::widen(word.rotate_left(16))[1]] {
                assert!(got.to_bits() == wide.to_bits() || got.is_nan() && wide.is_nan());
            }
        }
    }

    /// Scaled with each of the two kept or not.
    fn both<P: Pair>(first: u16, second: u16, slopes: [f32; 2], scaled: [u16; 2]) {
        let word = |pair: [u16; 2]| u32::from(pair[0]) | u32::from(pair[1]) << 16;
        for positive in [0, LOWER, UPPER, u32::MAX] {
            let got = P::scaled(word([first, second]), positive, slopes);
            let expected = word(scaled) & !positive | word([first, second]) & positive;
            for half in [0, 16] {
                let (got, expected) = ((got >> half) as u16, (expected >> half) as u16);
                let exponent = if P::FINITE { 0x7c00 } else { 0x7f80 };
                let nan = |bits: u16| bits & 0x7fff > exponent;
                assert!(
                    got == expected || nan(got) && nan(expected),
                    "{first:#x}, {second:#x} times {slopes:?}: {got:#x} for {expected:#x}"
                );
            }
        }
    }
}
