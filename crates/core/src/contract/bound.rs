//! How far a slope gradient may be from the exact one.
//!
//! With `u` = [`Element::UNIT_ROUNDOFF`], `eta` = [`Element::SMALLEST`] and `r` = 2^-53, and over
//! the `n` terms of one slope:
//!
//! 1. Summed over the pre-activations, the terms `g x` are those of the exact sum.
//! 2. Summed over the output and divided by `a`, they are `g y / a` with
//!    `y = a x (1 + d) + e`, `|d| <= u`, `|e| <= eta / 2`: together they miss the exact sum by at
//!    most `V = u sum|g x| + eta / (2 |a|) sum|g|`. (In `bf16` a subnormal product is rounded twice,
//!    to `f32` and on, which makes `|e| <= eta / 2 + 2^-150`, a factor of `1 + 2^-16`.)
//! 3. The terms are added in some order in at most `3 n` additions that round (each term once, into
//!    a lane; lanes and blocks into one another). In `f64` that loses at most `3 n r / (1 - 3 n r)`
//!    of the sum of the terms' magnitudes, `sum|g x| + V`. For `f64` tensors the sum is twofold:
//!    the square of that and a last rounding.
//!    For two-byte tensors, products are added in `f32` first, four at a time or, on a GPU, eight, in at most three
//!    additions for each term, each of which rounds by `u = 2^-24`: together at most
//!    `(1 + u)^3 - 1 < 3 u + 4 u^2` of the magnitudes. In `bf16` each product may lose `2^-150` to underflow, half the smallest `f32`, which the division enlarges and later additions
//!    round, all of them together by less than its double.
//! 4. A product of two `f64` (`r`), that last rounding (`r`), the division (`r`), adding to the
//!    slope gradient (`r`) and the oracle's own last rounding (`r`): `5 r` of the same magnitudes.
//! 5. Products of `f64` may also underflow, each by at most `eta`, which the division enlarges.
//!
//! Slopes above 1 are not summed over the output: a finite `x` could have an infinite `y` there.

use super::oracle;
use crate::element::{Dtype, Element};

/// The largest difference between the oracle's slope gradient and a correct strategy's.
/// `from_output` tells whether it was summed over the output. Infinite where nothing bounds it.
pub fn slope_gradient<T: Element>(a: f64, from_output: bool, terms: &oracle::Slope) -> f64 {
    const R: f64 = f64::EPSILON / 2.0;
    const F32: f64 = f32::EPSILON as f64 / 2.0;
    const ADDED_IN_F32: f64 = 3.0 * F32 + 4.0 * F32 * F32;
    const UNDERFLOW_IN_F32: f64 = f32::from_bits(1) as f64;
    let n = terms.terms as f64;
    let size = a.abs();
    let missed = if from_output {
        let halfway = T::SMALLEST / size * (0.5 + 1.0 / 131_072.0);
        T::UNIT_ROUNDOFF * terms.magnitude + halfway * terms.upstream
    } else {
        0.0
    };
    let magnitude = terms.magnitude + missed;
    if from_output && magnitude.is_infinite() {
        return f64::INFINITY;
    }
    let additions = 3.0 * n * R / (1.0 - 3.0 * n * R);
    let (summing, underflow) = match T::DTYPE {
        Dtype::F64 if from_output => (additions * additions, n * T::SMALLEST * (1.0 + 1.0 / size)),
        Dtype::F64 => (additions * additions, n * T::SMALLEST),
        Dtype::Bf16 => {
            let each = if from_output { UNDERFLOW_IN_F32 / size } else { UNDERFLOW_IN_F32 };
            (additions + ADDED_IN_F32, n * each)
        }
        Dtype::F16 => (additions + ADDED_IN_F32, 0.0),
        Dtype::F32 => (additions, 0.0),
    };
    missed + (summing + 5.0 * R) * magnitude + underflow
}

/// Whether `a` lies where the output may stand for the pre-activation: from
/// [`Element::MIN_INVERTIBLE`] to 1. Everywhere else a slope gradient has to be exact.
pub fn output_may_do<T: Element>(a: f64) -> bool {
    a.abs() >= T::MIN_INVERTIBLE && a.abs() <= 1.0
}
