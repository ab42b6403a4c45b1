//! Every strategy through every case, on one thread at every SIMD level, and on two threads.

use std::error::Error;
use std::io::Write;

use prelu_mem_core::contract::{Failure, cases, run_case};
use prelu_mem_core::cpu::Level;
use prelu_mem_core::{Cpu, Element, Strategy};

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

/// Runs a strategy through every case on every backend. By type and not by name: a build of one strategy's tests
/// then compiles one strategy's loops.
pub(crate) fn check<S: Strategy<Cpu, T>, T: Element>() -> Result<(), Box<dyn Error>> {
    for cpu in backends()? {
        let outcomes = cases::<T>().into_iter().map(|case| run_case::<S, Cpu, T>(&cpu, &case));
        let failures: Vec<Failure> = outcomes.filter_map(Result::err).collect();
        let first: Vec<String> = failures.iter().take(5).map(Failure::to_string).collect();
        let first = first.join("\n");
        assert!(failures.is_empty(), "{cpu:?}: {} cases failed:\n{first}", failures.len());
    }
    Ok(())
}

/// A test per strategy for one element type, and one that no strategy is left out.
macro_rules! contract {
    ($type:ty) => {
        contract! {
            $type:
            full_copy prelu_mem_full_copy FullCopy "only-full-copy",
            int8_mask prelu_mem_int8_mask Int8Mask "only-int8-mask",
            bitmask prelu_mem_bitmask Bitmask "only-bitmask",
            diff_stash prelu_mem_diff_stash DiffStash "only-diff-stash",
            output_sign prelu_mem_output_sign OutputSign "only-output-sign",
            adaptive prelu_mem_adaptive Adaptive "only-adaptive",
        }
    };
    ($type:ty: $($test:ident $krate:ident $strategy:ident $only:literal,)*) => {
        $(
            #[cfg(any(feature = $only, not(feature = "only")))]
            #[test]
            fn $test() -> Result<(), Box<dyn std::error::Error>> {
                common::check::<$krate::$strategy, $type>()
            }
        )*

        #[test]
        fn no_strategy_is_left_out() {
            use prelu_mem_registry::StrategyName;
            assert_eq!(StrategyName::ALL, [$(StrategyName::$strategy),*]);
        }
    };
}
