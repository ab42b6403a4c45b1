//! Every strategy through every case, on one thread at every SIMD level, and on two threads.

use std::error::Error;
use std::io::Write;

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
    // However small a case is, both threads work on it.
    let mut backends = vec![Cpu::with_level(2, Level::best())?.sharing_from(0)];
    for level in Level::ALL {
        match level.supported() {
            Ok(()) => backends.push(Cpu::with_level(1, level)?),
            // Not println: the test harness hides what a passing test prints.
            Err(error) => writeln!(std::io::stderr(), "SKIPPED: {error}")?,
        }
    }
    Ok(backends)
}

/// Runs a strategy through every case on every backend.
pub(crate) fn check<T: Element>(strategy: StrategyName) -> Result<(), Box<dyn Error>> {
    for cpu in backends()? {
        let failures = with::<Cpu, T, _>(strategy, EveryCase(&cpu));
        let first: Vec<String> = failures.iter().take(5).map(Failure::to_string).collect();
        let first = first.join("\n");
        assert!(failures.is_empty(), "{cpu:?}: {} cases failed:\n{first}", failures.len());
    }
    Ok(())
}

/// A test per strategy for one element type, and one that no strategy is left out.
macro_rules! contract {
    ($type:ty: $($test:ident $strategy:ident,)*) => {
        $(
            #[test]
            fn $test() -> Result<(), Box<dyn std::error::Error>> {
                common::check::<$type>(prelu_mem_registry::StrategyName::$strategy)
            }
        )*

        #[test]
        fn no_strategy_is_left_out() {
            use prelu_mem_registry::StrategyName;
            assert_eq!(StrategyName::ALL, [$(StrategyName::$strategy),*]);
        }
    };
}
