//! The promises that the bound rests on.

use half::{bf16, f16};
use prelu_mem_core::Element;
use prelu_mem_core::contract::bound::slope_gradient;
use prelu_mem_core::contract::oracle;

/// What a lost subnormal may cost at the smallest invertible slope, relative to `x = 1`.
fn worst_absolute_error<T: Element>() -> f64 {
    T::SMALLEST / T::MIN_INVERTIBLE / 2.0
}

#[test]
fn the_smallest_invertible_slopes_lose_no_more_than_stated() {
    assert_eq!(worst_absolute_error::<f16>(), 2_f64.powi(-15));
    assert_eq!(worst_absolute_error::<bf16>(), 2_f64.powi(-70));
    assert_eq!(worst_absolute_error::<f32>(), 2_f64.powi(-86));
    assert_eq!(worst_absolute_error::<f64>(), 2_f64.powi(-819));
}

fn relative_bound<T: Element>(slope: f64, from_output: bool) -> f64 {
    let n = 1_000;
    let x: Vec<f64> = (0..n).map(|i| -1.0 - f64::from(i) / 1_000.0).collect();
    let g = vec![1.0; x.len()];
    let expected = oracle::run((&[x.len()], 0), &[slope], (&x, &g), |product| product);
    let terms = expected.slopes[0];
    slope_gradient::<T>(slope, from_output, &terms) / terms.gradient.abs()
}

#[test]
fn the_bound_is_tight_enough_to_mean_something() {
    for slope in [0.25, -0.7, 0.089, 0.008] {
        assert!(relative_bound::<f16>(slope, true) < 1.1 * f16::UNIT_ROUNDOFF);
        assert!(relative_bound::<bf16>(slope, true) < 1.1 * bf16::UNIT_ROUNDOFF);
        assert!(relative_bound::<f32>(slope, true) < 1.1 * f32::UNIT_ROUNDOFF);
        assert!(relative_bound::<f64>(slope, true) < 7.0 * f64::UNIT_ROUNDOFF);
        assert!(relative_bound::<f32>(slope, false) < 1e-12);
        assert!(relative_bound::<f64>(slope, false) < 6.0 * f64::UNIT_ROUNDOFF);
    }
}
