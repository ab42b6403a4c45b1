//! Sums wider than their terms.

use std::fmt::Debug;

use crate::element::Wide;

/// A running sum of products of two `W`, kept wider than `W`.
pub trait Accumulator<W: Wide>: Copy + Default + Send + Sync + Debug + bytemuck::Pod {
    /// Adds `g * b` where `counted`, else nothing: not even a NaN or an infinity.
    fn add_product_if(&mut self, counted: bool, g: W, b: W);

    /// Adds another sum.
    fn merge(&mut self, other: Self);

    /// Largest relative error of one product and of one addition, for error bounds.
    const ROUNDOFF: f64;

    /// The sum, rounded to [`f64`].
    fn value(self) -> f64;
}

/// Products of two `f32` (hence of two `f16` or `bf16`) are exact in `f64`: only the additions round.
impl Accumulator<f32> for f64 {
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;

    #[inline(always)]
    fn add_product_if(&mut self, counted: bool, g: f32, b: f32) {
        let product = f64::from(g) * f64::from(b);
        *self += if counted { product } else { 0.0 };
    }

    #[inline(always)]
    fn merge(&mut self, other: Self) {
        *self += other;
    }

    fn value(self) -> f64 {
        self
    }
}

/// A sum of `f64` terms as an unevaluated pair: the rounded sum and what the roundings lost.
///
/// Each addition's error is recovered exactly (Knuth's TwoSum) and summed beside the main sum, as
/// in the compensated summation of Ogita, Rump and Oishi, *Accurate Sum and Dot Product*, SIAM J.
/// Sci. Comput. 26 (2005), algorithm 4.4 (Sum2). The products themselves are rounded to `f64`.
#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Twofold {
    sum: f64,
    lost: f64,
}

impl Twofold {
    #[inline(always)]
    fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        let from_term = sum - self.sum;
        let from_sum = sum - from_term;
        self.lost += (self.sum - from_sum) + (term - from_term);
        self.sum = sum;
    }
}

impl Accumulator<f64> for Twofold {
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;

    #[inline(always)]
    fn add_product_if(&mut self, counted: bool, g: f64, b: f64) {
        let product = g * b;
        self.add(if counted { product } else { 0.0 });
    }

    #[inline(always)]
    fn merge(&mut self, other: Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    fn value(self) -> f64 {
        // Beyond the finite range `lost` is inf - inf; the main sum says it all.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twofold_sum_keeps_what_a_double_loses() {
        let mut sum = Twofold::default();
        for term in [1e16, 1.0, -1e16] {
            sum.add_product_if(true, term, 1.0);
        }
        assert_eq!(sum.value(), 1.0);
        assert_eq!(1e16 + 1.0 - 1e16, 0.0);
    }

    #[test]
    fn an_uncounted_product_adds_nothing() {
        let mut narrow = 1.5_f64;
        Accumulator::<f32>::add_product_if(&mut narrow, false, f32::NAN, f32::INFINITY);
        assert_eq!(narrow, 1.5);
        let mut wide = Twofold::default();
        wide.add_product_if(false, f64::NAN, f64::INFINITY);
        assert_eq!(wide.value(), 0.0);
    }

    #[test]
    fn infinities_and_nan_survive() {
        let mut sum = Twofold::default();
        sum.add_product_if(true, f64::INFINITY, 2.0);
        sum.add_product_if(true, 1.0, 2.0);
        assert_eq!(sum.value(), f64::INFINITY);
        sum.add_product_if(true, f64::NAN, 2.0);
        assert!(sum.value().is_nan());
    }
}
