//! Every strategy through every case, on the device.

use std::error::Error;

use prelu_mem_core::contract::{Failure, cases, run_case};
use prelu_mem_core::{Element, Strategy};
use prelu_mem_cuda::Cuda;
use prelu_mem_registry::{StrategyName, Visitor, with};

use crate::driver::cuda_or_skip;

/// Runs every case and tells of the ones that fail.
struct EveryCase<'a>(&'a Cuda);

impl<T: Element> Visitor<Cuda, T> for EveryCase<'_> {
    type Output = Vec<Failure>;

    fn visit<S: Strategy<Cuda, T>>(self, _: S) -> Vec<Failure> {
        cases::<T>().iter().filter_map(|case| run_case::<S, Cuda, T>(self.0, case).err()).collect()
    }
}

/// Runs a strategy through every case; nothing is left on the device.
pub(crate) fn check<T: Element>(test: &str, strategy: StrategyName) -> Result<(), Box<dyn Error>> {
    let Some(cuda) = cuda_or_skip(test) else {
        return Ok(());
    };
    let failures = with::<Cuda, T, _>(strategy, EveryCase(&cuda));
    let first: Vec<String> = failures.iter().take(5).map(Failure::to_string).collect();
    let first = first.join("\n");
    assert!(failures.is_empty(), "{cuda:?}: {} cases failed:\n{first}", failures.len());
    assert_eq!(cuda.live_bytes(), 0);
    Ok(())
}

/// A test per strategy for one element type, one that no strategy is left out, and one that runs
/// these on the shim.
macro_rules! contract {
    ($type:ty: $($test:ident $strategy:ident,)*) => {
        $(
            #[test]
            fn $test() -> Result<(), Box<dyn std::error::Error>> {
                let strategy = prelu_mem_registry::StrategyName::$strategy;
                contract::check::<$type>(stringify!($test), strategy)
            }
        )*

        #[test]
        fn no_strategy_is_left_out() {
            use prelu_mem_registry::StrategyName;
            assert_eq!(StrategyName::ALL, [$(StrategyName::$strategy),*]);
        }

        #[test]
        fn on_the_shim() {
            driver::on_the_shim(&[]);
        }
    };
}
