//! Every strategy and dtype through every case, on one thread, on two, and at every SIMD level.

use std::error::Error;
use std::io::Write;

use half::{bf16, f16};
use prelu_mem_core::contract::{Failure, cases, run_case};
use prelu_mem_core::cpu::Level;
use prelu_mem_core::{Cpu, Element, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};

/// Runs every case and tells of the ones that fail.
struct EveryCase<'a>(&'a Cpu);

impl<T: Element> Visitor<Cpu, T> for EveryCase<'_> {
    type Output = Vec<Failure>;

    fn visit<S: Strategy<Cpu, T>>(self, _: S) -> Vec<Failure> {
        cases::<T>().iter().filter_map(|case| run_case::<S, Cpu, T>(self.0, case).err()).collect()
    }
}

/// One thread at each level that this processor has, two at the best.
fn backends() -> Result<Vec<Cpu>, Box<dyn Error>> {
    let mut backends = vec![Cpu::with_level(2, Level::best())?];
    for level in Level::ALL {
        match level.supported() {
            Ok(()) => backends.push(Cpu::with_level(1, level)?),
            // Not println: the test harness hides what a passing test prints.
            Err(error) => writeln!(std::io::stderr(), "SKIPPED: {error}")?,
        }
    }
    Ok(backends)
}

macro_rules! contract {
    ($($strategy:ident: $($name:ident $dtype:ty),*;)*) => {
        $($(
            #[test]
            fn $name() -> Result<(), Box<dyn Error>> {
                for cpu in backends()? {
                    let run = EveryCase(&cpu);
                    let failures = with::<Cpu, $dtype, _>(StrategyName::$strategy, run);
                    assert!(failures.is_empty(), "{cpu:?}: {}", summary(&failures));
                }
                Ok(())
            }
        )*)*

        #[test]
        fn no_strategy_is_left_out() {
            assert_eq!(StrategyName::ALL, [$(StrategyName::$strategy),*]);
        }
    };
}

contract! {
    FullCopy: full_copy_f16 f16, full_copy_bf16 bf16, full_copy_f32 f32, full_copy_f64 f64;
    Int8Mask: int8_mask_f16 f16, int8_mask_bf16 bf16, int8_mask_f32 f32, int8_mask_f64 f64;
    Bitmask: bitmask_f16 f16, bitmask_bf16 bf16, bitmask_f32 f32, bitmask_f64 f64;
    OutputSign: output_sign_f16 f16, output_sign_bf16 bf16, output_sign_f32 f32, output_sign_f64 f64;
    Adaptive: adaptive_f16 f16, adaptive_bf16 bf16, adaptive_f32 f32, adaptive_f64 f64;
}

fn summary(failures: &[Failure]) -> String {
    let first: Vec<String> = failures.iter().take(5).map(Failure::to_string).collect();
    format!("{} cases failed, the first ones:\n{}", failures.len(), first.join("\n"))
}
