//! Two elements of a two-byte type in a word of 32 bits, the first in the lower half: loops over words keep to one width
//! of lane, in which two numbers come apart by a shift and a mask, and are put together again.

const LOWER: u32 = 0xffff;
const UPPER: u32 = !LOWER;
const SIGN: u32 = 0x8000_0000;
const SIGNS: u32 = 0x8000_8000;

/// A two-byte type.
pub(crate) trait Pair {
    /// The exact values, of `f16` where both are finite.
    fn widen(word: u32) -> [f32; 2];

    /// Elements as they are where `positive` has ones, the others times their slopes; of `f16` where both elements are
    /// finite.
    fn scaled(word: u32, positive: u32, slopes: [f32; 2]) -> u32;
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
        // Of a NaN, the default one or an f16's widened, the lowest 13 bits are zero.
        let scaled = first >> 13 & 0x7fff | second << 3;
        // A slope that is not finite makes numbers of the positive ones' zeroes.
        (word & kept) ^ (scaled ^ signs) & !positive
    }
}

impl Pair for Bf16 {
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
    use crate::element::{Dtype, Element};

    /// The smallest, the largest subnormal, thirds, 1, a large and the largest number, and those that are none.
    const F16_SLOPES: [u16; 10] =
        [0, 0x0001, 0x83ff, 0x3555, 0xb2ab, 0x3c00, 0xca47, 0x7bff, 0xfc00, 0x7e01];
    const BF16_SLOPES: [u16; 10] =
        [0, 0x0001, 0x807f, 0x3eab, 0xbe9a, 0x3f80, 0xdf47, 0x7f7f, 0xff80, 0x7fc1];

    #[test]
    fn every_element_is_converted_and_scaled_as_by_itself() {
        all::<F16, _>(f16::from_bits, f16::to_bits, F16_SLOPES);
        all::<Bf16, _>(bf16::from_bits, bf16::to_bits, BF16_SLOPES);
    }

    fn all<P: Pair, T: Element<Wide = f32>>(
        from_bits: fn(u16) -> T,
        to_bits: fn(T) -> u16,
        slopes: [u16; 10],
    ) {
        let skips = |x: T| T::DTYPE == Dtype::F16 && !x.widen().is_finite();
        for x in (0..=u16::MAX).map(from_bits).filter(|&x| !skips(x)) {
            let beside = from_bits(slopes[3]);
            for pair in [[x, beside], [beside, x]] {
                let word = word(pair.map(to_bits));
                for (got, element) in P::widen(word).into_iter().zip(pair) {
                    let expected = element.widen();
                    assert!(
                        got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
                        "{element:?} widened: {got:?}"
                    );
                }
                for (at, slope) in slopes.into_iter().enumerate() {
                    let slopes = [slope, slopes[(at + 3) % 10] ^ 0x8000].map(from_bits);
                    scaled::<P, T>(pair, slopes, from_bits, to_bits);
                }
            }
        }
    }

    /// With each of the two kept or not.
    fn scaled<P: Pair, T: Element<Wide = f32>>(
        pair: [T; 2],
        slopes: [T; 2],
        from_bits: fn(u16) -> T,
        to_bits: fn(T) -> u16,
    ) {
        let slopes = slopes.map(T::widen);
        for kept in [[false, false], [true, false], [false, true], [true, true]] {
            let positive = word(kept.map(|kept| if kept { u16::MAX } else { 0 }));
            let got = P::scaled(word(pair.map(to_bits)), positive, slopes);
            for at in 0..2 {
                let product = T::narrow(pair[at].widen() * slopes[at]);
                let expected = if kept[at] { pair[at] } else { product };
                let got = from_bits((got >> (16 * at)) as u16);
                assert!(
                    to_bits(got) == to_bits(expected) || nan(got) && nan(expected),
                    "{pair:?} times {slopes:?}, {kept:?}: {got:?} for {expected:?}"
                );
            }
        }
    }

    /// Which one is not known.
    fn nan<T: Element<Wide = f32>>(x: T) -> bool {
        x.widen().is_nan()
    }

    fn word(pair: [u16; 2]) -> u32 {
        u32::from(pair[0]) | u32::from(pair[1]) << 16
    }
}
