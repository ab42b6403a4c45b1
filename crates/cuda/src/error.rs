//! What can keep a computation from running on CUDA.

use std::fmt;

/// Why CUDA cannot be used. The text says what is missing and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CudaError {
    /// No driver library under any of the names could be loaded.
    NoDriver {
        /// File names that were tried, in order, on the system's library path.
        looked_for: Vec<String>,
    },
    /// A library of the driver's name was loaded, but it is not a usable driver.
    NotADriver {
        /// The first function it lacks.
        missing: &'static str,
    },
    /// A call into the driver failed.
    Call {
        /// The driver function, such as `cuInit`.
        function: &'static str,
        /// The driver's number for the error.
        code: u32,
        /// The driver's name for the error.
        name: String,
    },
    /// The driver works, but the machine shows it no such device.
    NoSuchDevice {
        /// The index asked for.
        index: usize,
        /// How many devices there are.
        count: usize,
    },
    /// The device is there, but this version of prelu-mem has no kernels for it.
    NoKernels {
        /// The device's name.
        device: String,
    },
}

/// The name under which NVIDIA installs the driver here: the one that a person would look for.
pub(crate) const USUAL_NAME: &str = if cfg!(windows) {
    "nvcuda.dll"
} else if cfg!(target_os = "macos") {
    "libcuda.dylib"
} else {
    "libcuda.so.1"
};

impl fmt::Display for CudaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver { looked_for } => write!(
                f,
                "the CUDA driver library is missing (looked for {USUAL_NAME} and {} other names); \
                 install the NVIDIA driver, or use `cpu`",
                looked_for.iter().filter(|name| *name != USUAL_NAME).count()
            ),
            Self::NotADriver { missing } => write!(
                f,
                "a CUDA driver library was found, but it has no function `{missing}`; \
                 reinstall the NVIDIA driver, or use `cpu`"
            ),
            Self::Call { function, code, name } => write!(
                f,
                "the CUDA driver's `{function}` failed with {name} ({code}); \
                 check that `nvidia-smi` works, or use `cpu`"
            ),
            Self::NoSuchDevice { count: 0, .. } => write!(
                f,
                "the CUDA driver is installed but shows no device; \
                 check `nvidia-smi` and CUDA_VISIBLE_DEVICES, or use `cpu`"
            ),
            Self::NoSuchDevice { index, count } => write!(
                f,
                "there is no CUDA device {index}; this machine has {count}, numbered from 0 to {}",
                count - 1
            ),
            Self::NoKernels { device } => write!(
                f,
                "the device {device} works, but version {} of prelu-mem has no CUDA kernels yet; use `cpu`",
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
}

impl std::error::Error for CudaError {}

#[cfg(test)]
mod tests {
    use super::{CudaError, USUAL_NAME};

    #[test]
    fn each_error_says_what_is_missing() {
        let missing =
            CudaError::NoDriver { looked_for: vec!["one".into(), USUAL_NAME.into(), "two".into()] };
        let expected = format!("looked for {USUAL_NAME} and 2 other names");
        assert!(missing.to_string().contains(&expected), "{missing}");

        let none = CudaError::NoSuchDevice { index: 0, count: 0 };
        assert!(none.to_string().contains("shows no device"));

        let high = CudaError::NoSuchDevice { index: 7, count: 2 };
        assert!(high.to_string().contains("no CUDA device 7"));
        assert!(high.to_string().contains("has 2, numbered from 0 to 1"));
    }
}
