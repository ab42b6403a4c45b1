//! What the results may differ by.

use prelu_mem_burn::Strategy;
use prelu_mem_core::Element;
use prelu_mem_core::contract::{bound, oracle};

use crate::setting::{Case, Outcome};

/// The unit roundoff of `f32`.
const U: f64 = <f32 as Element>::UNIT_ROUNDOFF;

/// Half the smallest `f32`: what rounding to it may lose where it underflows.
const HALF_ETA: f64 = <f32 as Element>::SMALLEST / 2.0;

/// `y` and `dx` are Burn's, bit for bit but for the sign of a zero: Burn adds the gradients of two
/// branches, and zero plus minus zero is zero. `da` is within its bound of the exact one, and
/// within the sum of both bounds of Burn's.
pub(crate) fn compare(case: &Case, strategy: Strategy, got: &Outcome, stock: &Outcome) {
    let context = format!("{strategy}, {case:?}");
    assert!(same(&got.y, &stock.y), "y of {context}");
    assert!(same(&got.dx, &stock.dx), "dx of {context}");

    let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|&v| f64::from(v)).collect() };
    let round = |exact: f64| f64::from(exact as f32);
    let inputs = (&wide(&case.x)[..], &wide(&case.g)[..]);
    let exact = oracle::run((&case.shape, 1), &wide(&case.slopes), inputs, round);
    for (channel, terms) in exact.slopes.iter().enumerate() {
        let slope = f64::from(case.slopes[channel]);
        let from_output = match strategy {
            Strategy::FullCopy => false,
            Strategy::OutputSign => slope > 0.0 && bound::output_may_do::<f32>(slope),
            _ => bound::output_may_do::<f32>(slope),
        };
        // The slope gradient is summed in f64 and rounded to f32 once.
        let summing = bound::slope_gradient::<f32>(slope, from_output, terms);
        let ours = summing + U * (terms.gradient.abs() + summing) + HALF_ETA;
        let da = f64::from(got.da[channel]);
        let off = (da - terms.gradient).abs();
        assert!(
            off <= ours,
            "da {channel}: {da} for {}, {off} > {ours}: {context}",
            terms.gradient
        );

        // Burn rounds every product g x to f32 and adds as many as the channel has elements, in
        // some order: n (1 + U)-factors at most on every term.
        let n = (case.x.len() / case.slopes.len()) as f64 + 1.0;
        let burn = n * U / (1.0 - n * U) * terms.magnitude + n * HALF_ETA;
        let apart = (da - f64::from(stock.da[channel])).abs();
        assert!(apart <= ours + burn, "da {channel}: {apart} from Burn's: {context}");
    }
}

fn same(left: &[f32], right: &[f32]) -> bool {
    let equal = |(l, r): (&f32, &f32)| l.to_bits() == r.to_bits() || (*l == 0.0 && *r == 0.0);
    left.len() == right.len() && left.iter().zip(right).all(equal)
}
