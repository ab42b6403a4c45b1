//! What tests that need a driver begin with.

use std::io::Write;

use prelu_mem_cuda::{Cuda, Driver, probe};

/// Written past the test harness, which hides what a passing test prints.
pub(crate) fn skipped(test: &str, reason: &str) {
    writeln!(std::io::stderr(), "SKIPPED {test}: {reason}").expect("stderr is open");
}

/// The driver, or a visible skip where there is none: a failure where `PRELU_MEM_REQUIRE_CUDA=1`.
pub(crate) fn driver_or_skip(test: &str) -> Option<Driver> {
    let reason = match probe() {
        Ok(driver) if !driver.devices.is_empty() => return Some(driver),
        Ok(_) => "a CUDA driver, but no device".to_owned(),
        Err(error) => error.to_string(),
    };
    let required = std::env::var("PRELU_MEM_REQUIRE_CUDA").is_ok_and(|value| value == "1");
    assert!(!required, "{test}: {reason}");
    skipped(test, &reason);
    None
}

/// The first device, or a visible skip.
#[allow(dead_code, reason = "not every test that needs a driver opens a device")]
pub(crate) fn cuda_or_skip(test: &str) -> Option<Cuda> {
    driver_or_skip(test)?;
    Some(Cuda::open(0).unwrap_or_else(|error| panic!("{test}: {error}")))
}

/// Runs this program's other tests on the CPU shim, where there is one.
#[allow(dead_code, reason = "not every program has tests that need a driver")]
pub(crate) fn on_the_shim(settings: &[(&str, &str)]) {
    match prelu_mem_cuda_shim::rerun("on_the_shim", settings).expect("the program starts again") {
        Some(status) => assert!(status.success(), "with {settings:?}: {status}"),
        None => skipped("on_the_shim", "the shim is for Unix, and for the machine that made it"),
    }
}
