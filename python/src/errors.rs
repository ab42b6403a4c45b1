//! What can go wrong, as Python's exceptions.

use std::fmt;

use prelu_mem_core::Error;
use prelu_mem_cuda::CudaError;
use prelu_mem_registry::UnknownStrategy;
use pyo3::PyErr;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};

use crate::made_with::AXES;

/// A call that cannot be done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine's reason.
    Engine(Error),
    /// A name that no strategy has.
    Strategy(UnknownStrategy),
    /// A strategy whose saved state waits in memory that Python's frameworks do not have.
    Resident { strategy: &'static str },
    /// An address that no element of this type can have.
    Unaligned { what: &'static str, address: u64, alignment: usize },
    /// A tensor of more axes than are written down with a saved state.
    Axes { got: usize },
    /// A description of a plan that has not even its axes.
    MadeWith { got: usize },
    /// A saved state of another size than the plan's.
    SavedBytes { expected: usize, got: usize },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Engine(error) => error.fmt(f),
            Failure::Strategy(error) => error.fmt(f),
            Failure::Resident { strategy } => write!(
                f,
                "strategy '{strategy}' waits in gradient buffers that are allocated up front, which there are none of here: 'full-copy' saves the same bytes"
            ),
            Failure::Unaligned { what, address, alignment } => {
                write!(f, "{what} at address {address:#x} is not aligned to {alignment} bytes")
            }
            Failure::Axes { got } => {
                write!(f, "an input of {got} axes: up to {AXES} are accepted")
            }
            Failure::MadeWith { got } => {
                write!(
                    f,
                    "made_with is of {got} values; {AXES} and one per slope belong to a saved state"
                )
            }
            Failure::SavedBytes { expected, got } => {
                write!(f, "the saved state is of {got} bytes; {expected} belong to this plan")
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Engine(error)
    }
}

impl From<CudaError> for Failure {
    fn from(error: CudaError) -> Self {
        Failure::Engine(error.into())
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let message = failure.to_string();
        match failure {
            Failure::Engine(Error::OutOfMemory { .. }) => PyMemoryError::new_err(message),
            Failure::Engine(Error::Device { .. } | Error::WrongDevice { .. }) => {
                PyRuntimeError::new_err(message)
            }
            _ => PyValueError::new_err(message),
        }
    }
}
