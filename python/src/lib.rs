//! What the Python package calls: addresses of tensors in, the CPU and CUDA loops behind.
//!
//! Python checks what a tensor is (dtype, device, layout) and keeps it alive; here its address becomes a
//! view, and the loops of the engine run on it. Saved states are memory of the caller's.

mod cpu;
mod cuda;
mod errors;
mod loops;
mod made_with;
mod openmp;
mod place;
mod plan;
mod request;
mod table;

use pyo3::prelude::*;

use prelu_mem_registry::StrategyName;

/// How often channels were classified since the start of the process.
#[pyfunction]
fn plans_made() -> u64 {
    table::made()
}

/// The strategies that work here, in the order of the documents: those whose saved state is memory of its own.
#[pyfunction]
fn strategies() -> Vec<&'static str> {
    let works = |name: &&StrategyName| loops::reads_output(**name, true).is_ok();
    StrategyName::ALL.iter().filter(works).map(|name| name.name()).collect()
}

/// Raises for a name that no strategy has, and for a strategy that cannot work here.
#[pyfunction]
fn check(strategy: &str) -> PyResult<()> {
    reads_output(strategy, true).map(|_| ())
}

/// Whether backward may read the output, whatever the slopes are. Raises as [`check`] does.
#[pyfunction]
fn reads_output(strategy: &str, learned: bool) -> PyResult<bool> {
    let strategy = strategy.parse().map_err(errors::Failure::Strategy)?;
    Ok(loops::reads_output(strategy, learned)?)
}

/// Lends the threads of an OpenMP library to the plans that ask for it; 0 for none. The first one stays.
///
/// The caller vouches that `gomp_parallel` is the address of a function of that name, in a library that stays loaded.
#[pyfunction]
fn lend_threads(gomp_parallel: usize) {
    // SAFETY: the package passes what the loader told it of PyTorch's own library.
    unsafe { cpu::lend(gomp_parallel) }
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<plan::Plan>()?;
    module.add_function(wrap_pyfunction!(strategies, module)?)?;
    module.add_function(wrap_pyfunction!(plans_made, module)?)?;
    module.add_function(wrap_pyfunction!(check, module)?)?;
    module.add_function(wrap_pyfunction!(reads_output, module)?)?;
    module.add_function(wrap_pyfunction!(lend_threads, module)?)?;
    module.add_function(wrap_pyfunction!(plan::plan_again, module)?)?;
    module.add_function(wrap_pyfunction!(plan::plan, module)?)
}
