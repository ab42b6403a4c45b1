//! What can go wrong, and what to do about it.

use std::fmt;

use burn::tensor::DType;

use crate::strategy::Strategy;

/// Why a forward pass was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A strategy's name that is not one.
    UnknownStrategy {
        /// The name.
        name: String,
    },
    /// Neither one slope nor one per channel.
    SlopeCount {
        /// Slopes of the layer.
        slopes: usize,
        /// The input's shape; its channels are axis 1.
        shape: Vec<usize>,
    },
    /// An element type that the loops do not work on.
    Dtype {
        /// The type.
        dtype: DType,
    },
    /// Slopes of another element type than the input's.
    SlopeDtype {
        /// The input's.
        input: DType,
        /// The slopes'.
        slopes: DType,
    },
    /// A device that is not Burn's Flex.
    Device {
        /// Which argument.
        what: &'static str,
        /// The device.
        device: String,
    },
    /// What the engine reports.
    Engine(prelu_mem_core::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnknownStrategy { name } => {
                let known: Vec<&str> = Strategy::ALL.iter().map(|known| known.name()).collect();
                write!(f, "unknown strategy '{name}': {} are accepted", known.join(", "))
            }
            Error::SlopeCount { slopes, shape } => match shape.get(1) {
                Some(channels) => write!(
                    f,
                    "{slopes} slopes for an input of shape {shape:?}: 1 or {channels} are accepted"
                ),
                None => write!(
                    f,
                    "{slopes} slopes for an input of shape {shape:?}, which has no channel axis 1: 1 is accepted"
                ),
            },
            Error::Dtype { dtype } => {
                write!(f, "input of type {dtype:?}: F32, F64, F16 and BF16 are accepted")
            }
            Error::SlopeDtype { input, slopes } => write!(
                f,
                "input of type {input:?} and slopes of type {slopes:?}: cast one to the other's type"
            ),
            Error::Device { what, device } => {
                write!(f, "{what} on device {device}: only Burn's Flex backend is accepted")
            }
            Error::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Engine(error) => Some(error),
            _ => None,
        }
    }
}

impl From<prelu_mem_core::Error> for Error {
    fn from(error: prelu_mem_core::Error) -> Self {
        Error::Engine(error)
    }
}
