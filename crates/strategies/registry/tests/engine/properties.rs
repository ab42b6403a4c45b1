//! Any shape, axis, sharing, slopes and dtype.

use half::{bf16, f16};
use prelu_mem_core::contract::case::Values;
use prelu_mem_core::contract::{Case, Failure, run_case};
use prelu_mem_core::{Cpu, Element, Sharing, Strategy as Preserve};
use prelu_mem_registry::{StrategyName, Visitor, with};
use proptest::prelude::*;

/// A case before its dtype is chosen.
#[derive(Clone, Debug)]
struct Drawn {
    shape: Vec<usize>,
    axis: usize,
    shared: bool,
    frozen: bool,
    edges: bool,
    threads: usize,
    slopes: Vec<f64>,
}

impl Drawn {
    fn case<T: Element>(&self) -> Case<T> {
        let count = if self.shared { 1 } else { self.shape[self.axis] };
        let slopes = self.slopes.iter().cycle().take(count);
        Case {
            layout: "any",
            shape: self.shape.clone(),
            axis: self.axis,
            sharing: if self.shared { Sharing::Shared } else { Sharing::PerChannel },
            slopes: slopes.map(|&slope| T::from_f64(slope)).collect(),
            frozen: self.frozen,
            values: if self.edges { Values::Edges } else { Values::Ordinary },
        }
    }

    fn run<T: Element>(&self) -> Result<(), TestCaseError> {
        let case = self.case::<T>();
        for &name in StrategyName::ALL {
            with::<Cpu, T, _>(name, One(self.threads, &case))
                .map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        }
        Ok(())
    }
}

struct One<'a, T: Element>(usize, &'a Case<T>);

impl<T: Element> Visitor<Cpu, T> for One<'_, T> {
    type Output = Result<(), Failure>;

    fn visit<S: Preserve<Cpu, T>>(self, _: S) -> Self::Output {
        let no_threads = |error: prelu_mem_core::Error| Failure {
            case: S::NAME.into(),
            reason: error.to_string(),
        };
        let cpu = Cpu::new(self.0).map_err(no_threads)?.sharing_from(0);
        run_case::<S, Cpu, T>(&cpu, self.1).map(|_| ())
    }
}

/// One to eight axes, most of them short, at most some ten thousand elements.
fn shape() -> impl Strategy<Value = (Vec<usize>, usize)> {
    let size = prop_oneof![4 => 1..4_usize, 2 => 4..20_usize, 1 => 60..70_usize, 1 => Just(0)];
    let short = proptest::collection::vec(size, 1..=8)
        .prop_filter("small enough", |shape| shape.iter().product::<usize>() < 20_000);
    short.prop_flat_map(|shape| {
        let axes = shape.len();
        (Just(shape), 0..axes)
    })
}

fn slope() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -2.0..2.0_f64,
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => (-140..20_i32, any::<bool>()).prop_map(|(exponent, negative)| {
            if negative { -(2_f64.powi(exponent)) } else { 2_f64.powi(exponent) }
        }),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ]
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (shape(), any::<(bool, bool, bool)>(), 1..4_usize, proptest::collection::vec(slope(), 1..12))
        .prop_map(|((shape, axis), (shared, frozen, edges), threads, slopes)| Drawn {
            shape,
            axis,
            shared,
            frozen,
            edges,
            threads,
            slopes,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_strategy_meets_the_contract(drawn in drawn(), dtype in 0..4_usize) {
        match dtype {
            0 => drawn.run::<f16>()?,
            1 => drawn.run::<bf16>()?,
            2 => drawn.run::<f32>()?,
            _ => drawn.run::<f64>()?,
        }
    }
}
