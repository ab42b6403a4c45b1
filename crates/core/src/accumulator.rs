//! Sums wider than their terms.

use std::fmt::Debug;

use crate::element::Wide;

/// A running sum of products of two `W`, kept wider than `W`: as a sum and what its roundings lost.
///
/// The parts are separate numbers here, so that loops can keep many of each side by side.
pub trait Accumulator<W: Wide>: Copy + Default + Send + Sync + Debug + bytemuck::Pod {
    /// `g * b`, in the width of the sum.
    fn product(g: W, b: W) -> f64;

    /// Adds a term to a sum held as its parts.
    fn add(sum: &mut f64, lost: &mut f64, term: f64);

    /// A sum from its parts.
    fn from_parts(sum: f64, lost: f64) -> Self;

    /// The parts of a sum.
    fn parts(self) -> (f64, f64);

    /// Adds what another sum's roundings lost.
    fn merge_lost(lost: &mut f64, other: f64);

    /// Adds a term.
    fn add_term(&mut self, term: f64);

    /// Adds another sum.
    fn merge(&mut self, other: Self);

    /// The sum, rounded to [`f64`].
    fn value(self) -> f64;
}

/// Products of two `f32` (hence of two `f16` or `bf16`) are exact in `f64`: only the additions
/// round, and what they lose is not kept.
impl Accumulator<f32> for f64 {
    #[inline(always)]
    fn product(g: f32, b: f32) -> f64 {
        f64::from(g) * f64::from(b)
    }

    #[inline(always)]
    fn add(sum: &mut f64, _: &mut f64, term: f64) {
        *sum += term;
    }

    #[inline(always)]
    fn from_parts(sum: f64, _: f64) -> Self {
        sum
    }

    #[inline(always)]
    fn parts(self) -> (f64, f64) {
        (self, 0.0)
    }

    #[inline(always)]
    fn merge_lost(_: &mut f64, _: f64) {}

    #[inline(always)]
    fn add_term(&mut self, term: f64) {
        *self += term;
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

impl Accumulator<f64> for Twofold {
    #[inline(always)]
    fn product(g: f64, b: f64) -> f64 {
        g * b
    }

    #[inline(always)]
    fn add(sum: &mut f64, lost: &mut f64, term: f64) {
        let next = *sum + term;
        let from_term = next - *sum;
        let from_sum = next - from_term;
        *lost += (*sum - from_sum) + (term - from_term);
        *sum = next;
    }

    #[inline(always)]
    fn from_parts(sum: f64, lost: f64) -> Self {
        Twofold { sum, lost }
    }

    #[inline(always)]
    fn parts(self) -> (f64, f64) {
        (self.sum, self.lost)
    }

    #[inline(always)]
    fn merge_lost(lost: &mut f64, other: f64) {
        *lost += other;
    }

    #[inline(always)]
    fn add_term(&mut self, term: f64) {
        Self::add(&mut self.sum, &mut self.lost, term);
    }

    #[inline(always)]
    fn merge(&mut self, other: Self) {
        self.add_term(other.sum);
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
            sum.add_term(term);
        }
        let mut other = Twofold::default();
        other.merge(sum);
        assert_eq!(other.value(), 1.0);
        assert_eq!(1e16 + 1.0 - 1e16, 0.0);
    }

    #[test]
    fn parts_and_whole_are_the_same_sum() {
        let (mut sum, mut lost, mut whole) = (0.0, 0.0, Twofold::default());
        for term in (1..100).map(|i| 1.0 / f64::from(i)) {
            Twofold::add(&mut sum, &mut lost, term);
            whole.add_term(term);
        }
        assert_eq!(Twofold::from_parts(sum, lost), whole);
    }

    #[test]
    fn infinities_and_nan_survive() {
        let mut sum = Twofold::default();
        sum.add_term(f64::INFINITY);
        sum.add_term(2.0);
        assert_eq!(sum.value(), f64::INFINITY);
        sum.add_term(f64::NAN);
        assert!(sum.value().is_nan());
    }
}
