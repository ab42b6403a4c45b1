//! The number types a tensor may hold, and how a slope gradient over them is accumulated.

use std::fmt;
use std::str::FromStr;

use half::{bf16, f16};

use crate::accumulator::{Accumulator, Twofold};
use crate::error::Error;
use crate::half_width::{narrow_bf16, narrow_f16, widen_bf16, widen_f16};

/// A tensor's element type, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dtype {
    /// IEEE binary16.
    F16,
    /// bfloat16: the upper half of an [`f32`].
    Bf16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
}

impl Dtype {
    /// Every element type, narrowest first.
    pub const ALL: [Dtype; 4] = [Dtype::F16, Dtype::Bf16, Dtype::F32, Dtype::F64];

    /// The name users write: `f16`, `bf16`, `f32` or `f64`.
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::F16 => "f16",
            Dtype::Bf16 => "bf16",
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
        }
    }

    /// Bytes per element.
    pub const fn bytes(self) -> usize {
        match self {
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::F32 => 4,
            Dtype::F64 => 8,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dtype {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Dtype::ALL
            .into_iter()
            .find(|dtype| dtype.name() == name)
            .ok_or_else(|| Error::UnknownDtype { name: name.to_owned() })
    }
}

/// A plain number that arithmetic happens in: [`f32`] for elements up to 32 bits, else [`f64`].
pub trait Wide:
    bytemuck::Pod
    + Default
    + PartialOrd
    + Send
    + Sync
    + fmt::Debug
    + std::ops::Mul<Output = Self>
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// `self` where `mask` is all ones, `other` where it is all zeroes: on the bits, so that loops
    /// vectorise for any target.
    fn or_else(self, mask: u64, other: Self) -> Self;
}

impl Wide for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn or_else(self, mask: u64, other: Self) -> Self {
        let mask = mask as u32;
        f32::from_bits(other.to_bits() ^ (self.to_bits() ^ other.to_bits()) & mask)
    }
}

impl Wide for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn or_else(self, mask: u64, other: Self) -> Self {
        f64::from_bits(other.to_bits() ^ (self.to_bits() ^ other.to_bits()) & mask)
    }
}

/// A tensor element: [`struct@f16`], [`struct@bf16`], [`f32`] or [`f64`].
///
/// Products are taken in [`Element::Wide`] and rounded once to the element type. For `f16` and
/// `bf16` the product of two elements is exact in `f32` (22 and 16 significant bits of 24), so
/// that the one rounding is the correct one wherever the product is a normal `f32`.
pub trait Element:
    bytemuck::Pod + Default + PartialEq + PartialOrd + Send + Sync + fmt::Debug + fmt::Display
{
    /// The type as a value.
    const DTYPE: Dtype;

    /// Half the distance from 1 to the next larger element: the largest relative error of one rounding.
    const UNIT_ROUNDOFF: f64;

    /// The smallest positive (subnormal) element: twice the largest absolute error of one rounding
    /// towards zero's neighbourhood.
    const SMALLEST: f64;

    /// Slopes with a magnitude in `MIN_INVERTIBLE ..= 1` let the pre-activation be recovered from
    /// the output; every other slope makes its channel a kept one.
    ///
    /// The output of a negative-branch element is `y = a x (1 + d) + e` with `|d| <= UNIT_ROUNDOFF`
    /// and `|e| <= SMALLEST / 2`, so `y / a` misses `x` by at most
    /// `UNIT_ROUNDOFF |x| + SMALLEST / (2 |a|)`. The threshold keeps the second term small beside
    /// the first one for any `|x|` that matters: `2^-15` for `f16`, `2^-70` for `bf16`, `2^-86`
    /// for `f32`, `2^-819` for `f64` (where it also keeps `g y` from underflowing). Above 1 a finite
    /// `x` may have an infinite output, from which nothing can be recovered.
    const MIN_INVERTIBLE: f64;

    /// What arithmetic happens in.
    type Wide: Wide;

    /// What a slope gradient is summed in: wider than the element.
    type Accumulator: Accumulator<Self::Wide>;

    /// The element nearest to `value`.
    fn from_f64(value: f64) -> Self;

    /// The element's exact value.
    fn to_f64(self) -> f64;

    /// The element's exact value in the type arithmetic happens in.
    fn widen(self) -> Self::Wide;

    /// The element nearest to `wide`.
    fn narrow(wide: Self::Wide) -> Self;

    /// Whether the element is on the positive branch: `x > 0`. Zero of either sign and NaN are not.
    fn positive(self) -> bool;

    /// Whether [`Element::MIN_INVERTIBLE`] admits `self` as a slope.
    fn invertible(self) -> bool {
        let magnitude = self.to_f64().abs();
        (Self::MIN_INVERTIBLE..=1.0).contains(&magnitude)
    }
}

macro_rules! full_width {
    ($type:ty, $dtype:ident, $accumulator:ty, $roundoff:expr, $smallest:expr, $invertible:expr) => {
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const UNIT_ROUNDOFF: f64 = $roundoff;
            const SMALLEST: f64 = $smallest;
            const MIN_INVERTIBLE: f64 = $invertible;
            type Wide = $type;
            type Accumulator = $accumulator;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn widen(self) -> Self {
                self
            }
            #[inline(always)]
            fn narrow(wide: Self) -> Self {
                wide
            }
            #[inline(always)]
            fn positive(self) -> bool {
                self > 0.0
            }
        }
    };
}

macro_rules! half_width {
    ($type:ty, $dtype:ident, $widen:ident, $narrow:ident, $infinity:expr, $roundoff:expr, $smallest:expr, $invertible:expr) => {
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const UNIT_ROUNDOFF: f64 = $roundoff;
            const SMALLEST: f64 = $smallest;
            const MIN_INVERTIBLE: f64 = $invertible;
            type Wide = f32;
            type Accumulator = f64;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                <$type>::from_f64(value)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                <$type>::to_f64(self)
            }
            #[inline(always)]
            fn widen(self) -> f32 {
                $widen(self)
            }
            #[inline(always)]
            fn narrow(wide: f32) -> Self {
                $narrow(wide)
            }
            // On the bits, so that it vectorises: positive and at most infinity.
            #[inline(always)]
            fn positive(self) -> bool {
                self.to_bits().wrapping_sub(1) < $infinity
            }
        }
    };
}

full_width!(f32, F32, f64, pow2(-24), pow2(-149), pow2(-64));
full_width!(f64, F64, Twofold, pow2(-53), pow2(-1074), pow2(-256));
half_width!(f16, F16, widen_f16, narrow_f16, 0x7c00, pow2(-11), pow2(-24), pow2(-10));
half_width!(bf16, Bf16, widen_bf16, narrow_bf16, 0x7f80, pow2(-8), pow2(-133), pow2(-64));

/// `2^exponent`, exactly, down to the smallest subnormal.
const fn pow2(exponent: i32) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (exponent + 1074))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_match_the_types() {
        assert_eq!(f64::SMALLEST, f64::from_bits(1));
        assert_eq!(f32::SMALLEST, f64::from(f32::from_bits(1)));
        assert_eq!(f16::SMALLEST, f16::from_bits(1).to_f64());
        assert_eq!(bf16::SMALLEST, bf16::from_bits(1).to_f64());
        assert_eq!(f32::UNIT_ROUNDOFF, f64::from(f32::EPSILON) / 2.0);
        assert_eq!(f64::UNIT_ROUNDOFF, f64::EPSILON / 2.0);
        assert_eq!(f16::UNIT_ROUNDOFF, f16::EPSILON.to_f64() / 2.0);
        assert_eq!(bf16::UNIT_ROUNDOFF, bf16::EPSILON.to_f64() / 2.0);
    }

    #[test]
    fn positive_agrees_with_the_comparison_for_every_half() {
        for bits in 0..=u16::MAX {
            let (a, b) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert_eq!(a.positive(), a.to_f32() > 0.0, "{a:?}");
            assert_eq!(b.positive(), b.to_f32() > 0.0, "{b:?}");
        }
    }

    #[test]
    fn slopes_outside_the_range_are_not_invertible() {
        fn check<T: Element>() {
            let threshold = T::MIN_INVERTIBLE;
            for (slope, expected) in [
                (0.0, false),
                (-0.0, false),
                (threshold, true),
                (-threshold, true),
                (threshold / 2.0, false),
                (1.0, true),
                (-1.0, true),
                (1.0 + 2.0 * T::UNIT_ROUNDOFF, false),
                (2.0, false),
                (f64::INFINITY, false),
                (f64::NAN, false),
            ] {
                assert_eq!(T::from_f64(slope).invertible(), expected, "{} {slope}", T::DTYPE);
            }
        }
        check::<f16>();
        check::<bf16>();
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn names_round_trip() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.name().parse::<Dtype>(), Ok(dtype));
        }
        let error = "f8".parse::<Dtype>().expect_err("f8 is not a dtype");
        assert!(error.to_string().contains("f8") && error.to_string().contains("bf16"));
    }
}
