//! Values and gradients against Burn's own PReLU, and against the formula in `f64`.

mod bounds;
mod graphs;
mod setting;

use burn::backend::GradientCheckpointingStrategy;
use burn::tensor::Device;
use prelu_mem_burn::Strategy;
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use proptest::strategy::Strategy as _;

use setting::{Case, ours, stock};

fn device(checkpointing: GradientCheckpointingStrategy) -> Device {
    let device = Device::flex().autodiff();
    match checkpointing {
        GradientCheckpointingStrategy::Disabled => device,
        GradientCheckpointingStrategy::Balanced => device.gradient_checkpointing(),
    }
}

/// Slopes of every class: derived, encoded, near zero (also subnormal), and beyond 1.
const SLOPES: [f32; 15] =
    [0.25, 0.3, -0.7, 0.0, -0.0, 1.0, -1.0, 0.089, -0.008, 1e-8, 1e-30, -1e-30, 1e-42, 1.5, -3.0];

fn case() -> impl proptest::strategy::Strategy<Value = Case> {
    let shape = prop::collection::vec(1_usize..=7, 2..=5);
    let slopes = prop::collection::vec(prop::sample::select(&SLOPES[..]), 7);
    (shape, slopes, any::<bool>(), any::<u64>()).prop_map(|(shape, mut slopes, shared, seed)| {
        slopes.truncate(if shared { 1 } else { shape[1] });
        Case::random(shape, slopes, seed)
    })
}

fn check(case: &Case) {
    match case.shape.len() {
        2 => check_axes::<2>(case),
        3 => check_axes::<3>(case),
        4 => check_axes::<4>(case),
        5 => check_axes::<5>(case),
        axes => panic!("{axes} axes"),
    }
}

fn check_axes<const D: usize>(case: &Case) {
    let plain = device(GradientCheckpointingStrategy::Disabled);
    let expected = stock::<D>(case, &plain);
    for strategy in Strategy::ALL {
        for checkpointing in
            [GradientCheckpointingStrategy::Disabled, GradientCheckpointingStrategy::Balanced]
        {
            for shared in [false, true] {
                let got = ours::<D>(case, strategy, shared, &device(checkpointing));
                bounds::compare(case, strategy, &got, &expected);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_shapes_of_two_to_five_axes(case in case()) {
        check(&case);
    }
}

#[test]
fn every_kind_of_slope_on_a_larger_image() {
    check(&Case::random(vec![3, SLOPES.len(), 13, 17], SLOPES.to_vec(), 1));
    for slope in SLOPES {
        check(&Case::random(vec![2, 5, 33], vec![slope], 2));
    }
}

#[test]
fn empty_batches_have_gradients_of_zero() {
    let case = Case::random(vec![0, 3, 4], vec![0.25, -0.5, 0.0], 0);
    for strategy in Strategy::ALL {
        let got = ours::<3>(&case, strategy, false, &Device::flex().autodiff());
        assert!(got.y.is_empty() && got.dx.is_empty());
        assert_eq!(got.da, [0.0; 3]);
    }
}

/// The one place where the two differ. Burn's formula takes `x < 0` as the slope's branch, the project's
/// convention everything but `x > 0`.
#[test]
fn zero_lies_on_the_slopes_branch_and_in_burn_on_the_other() {
    let mut case = Case::random(vec![1, 2, 2], vec![0.25, -0.5], 3);
    case.x = vec![0.0, -0.0, 0.0, -0.0];
    let device = Device::flex().autodiff();
    let expected = stock::<3>(&case, &device);
    assert_eq!(expected.dx, case.g);
    for strategy in Strategy::ALL {
        let got = ours::<3>(&case, strategy, false, &device);
        let scaled = [0.25 * case.g[0], 0.25 * case.g[1], -0.5 * case.g[2], -0.5 * case.g[3]];
        assert_eq!(got.dx, scaled, "{strategy}");
        assert_eq!(got.da, [0.0; 2], "{strategy}");
    }
}
