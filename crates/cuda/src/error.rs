//! What can keep a computation from running on CUDA.

use std::ffi::{CStr, c_char};
use std::fmt;
use std::ptr;

use cudarc::driver::sys::{CUresult, cuGetErrorName, cuGetErrorString};
use prelu_mem_core::Error;

use crate::probe::{ComputeCapability, DriverVersion, MIN_CAPABILITY, MIN_DRIVER};

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
    /// The driver is older than the kernels' form.
    OldDriver {
        /// The newest CUDA version that it supports.
        version: DriverVersion,
    },
    /// A call into the driver failed.
    Call {
        /// The driver function, such as `cuInit`.
        function: &'static str,
        /// The driver's number for the error.
        code: u32,
        /// The driver's name for the error.
        name: String,
        /// What the driver says of the error.
        text: String,
    },
    /// The driver works, but the machine shows it no such device.
    NoSuchDevice {
        /// The index asked for.
        index: usize,
        /// How many devices there are.
        count: usize,
    },
    /// The device's hardware is older than the kernels.
    Capability {
        /// The device's name.
        device: String,
        /// What its hardware can do.
        capability: ComputeCapability,
    },
    /// The device has no pool that gives memory in stream order.
    NoMemoryPools {
        /// The device's name.
        device: String,
    },
    /// The device has not enough memory left.
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
        /// Bytes that were free.
        free: usize,
    },
    /// A tensor that lies on another device than the one it was given to.
    WrongDevice {
        /// Which argument.
        what: &'static str,
        /// Index of the device that works.
        expected: usize,
        /// Index of the device that holds the tensor.
        got: usize,
    },
    /// An address that is no memory of any device.
    NotDeviceMemory {
        /// The address.
        address: u64,
    },
    /// An address at which no element can lie.
    Unaligned {
        /// The address.
        address: u64,
        /// What it has to be a multiple of.
        alignment: usize,
    },
    /// More elements than can be addressed.
    TooLarge {
        /// Elements.
        len: usize,
        /// An element's size in bytes.
        size: usize,
    },
    /// More elements than one launch of a kernel covers.
    Grid {
        /// Elements.
        count: usize,
    },
    /// A user's stream that does not belong to the device's primary context.
    ForeignStream {
        /// Index of the device that it was to be a stream of.
        device: usize,
    },
    /// An image of kernels that is no text.
    Image,
}

impl CudaError {
    /// Whether a call failed with this code.
    pub(crate) fn is(&self, wanted: CUresult) -> bool {
        matches!(self, CudaError::Call { code, .. } if *code == wanted as u32)
    }
}

/// Calls a function of the driver's: `call!(cuInit(0))` is `Ok(())` or an error with its name. It is
/// listed in `probe::FUNCTIONS`, since a function that the library lacks is a panic.
macro_rules! call {
    ($function:ident($($argument:expr),* $(,)?)) => {
        $crate::error::checked(
            stringify!($function),
            cudarc::driver::sys::$function($($argument),*),
        )
    };
}
pub(crate) use call;

/// The result of the driver's `function`.
pub(crate) fn checked(function: &'static str, result: CUresult) -> Result<(), CudaError> {
    if result == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    let mut name = ptr::null();
    let mut text = ptr::null();
    // SAFETY: both pointers outlive the calls, which write null for a code they do not know.
    unsafe {
        let _ = cuGetErrorName(result, &mut name);
        let _ = cuGetErrorString(result, &mut text);
    }
    let (name, text) = (read(name, "an unnamed error"), read(text, "no description"));
    Err(CudaError::Call { function, code: result as u32, name, text })
}

/// The driver's text, or `absent`.
fn read(text: *const c_char, absent: &str) -> String {
    if text.is_null() {
        return absent.to_owned();
    }
    // SAFETY: not null, so that it is one of the driver's constant texts, which end with a null byte.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
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
            Self::OldDriver { version } => write!(
                f,
                "the NVIDIA driver supports CUDA {version}; the kernels need CUDA {MIN_DRIVER} or newer \
                 (driver R535): install a newer driver, or use `cpu`"
            ),
            Self::Call { function, code, name, text } => write!(
                f,
                "the CUDA driver's `{function}` failed with {name} ({code}: {text}); \
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
            Self::Capability { device, capability } => write!(
                f,
                "the device {device} has compute capability {capability}; \
                 {MIN_CAPABILITY} or newer is accepted: use another device, or `cpu`"
            ),
            Self::NoMemoryPools { device } => write!(
                f,
                "the device {device} has no memory pools (asynchronous allocation), which are needed: \
                 use another device, or `cpu`"
            ),
            Self::WrongDevice { what, expected, got } => write!(
                f,
                "{what}: the memory is on CUDA device {got}, the backend on CUDA device {expected}: \
                 pass one that is there too"
            ),
            Self::OutOfMemory { bytes, free } => {
                write!(f, "out of device memory: {bytes} bytes were refused, {free} are free")
            }
            Self::NotDeviceMemory { address } => write!(
                f,
                "the address {address:#x} is no memory of a CUDA device: pass a device address"
            ),
            Self::Unaligned { address, alignment } => write!(
                f,
                "the address {address:#x} is not a multiple of {alignment}, \
                 as an element's is: pass one that is"
            ),
            Self::TooLarge { len, size } => {
                write!(f, "{len} elements of {size} bytes are more than can be addressed")
            }
            Self::Grid { count } => {
                write!(f, "{count} elements are more than one launch of a kernel covers")
            }
            Self::ForeignStream { device } => write!(
                f,
                "the stream belongs to another context than the primary one of CUDA device {device}: \
                 pass a stream of that device"
            ),
            Self::Image => f.write_str("the image of the kernels is no text: it holds a null byte"),
        }
    }
}

impl std::error::Error for CudaError {}

impl From<CudaError> for Error {
    fn from(error: CudaError) -> Error {
        match error {
            CudaError::OutOfMemory { bytes, free } => {
                Error::OutOfMemory { bytes, free: Some(free) }
            }
            CudaError::WrongDevice { what, expected, got } => {
                Error::WrongDevice { what, expected, got }
            }
            CudaError::Call { function, code, name, text } => Error::Device {
                call: function.to_owned(),
                reason: format!("{name} ({code}: {text})"),
            },
            other => Error::Device { call: "CUDA".to_owned(), reason: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

        let capability = ComputeCapability { major: 7, minor: 0 };
        let old = CudaError::Capability { device: "Tesla V100".into(), capability }.to_string();
        for part in ["Tesla V100", "capability 7.0", "7.5 or newer"] {
            assert!(old.contains(part), "{old}");
        }
    }

    #[test]
    fn the_engine_learns_what_was_asked_for_and_what_was_free() {
        let full = Error::from(CudaError::OutOfMemory { bytes: 300, free: 20 });
        assert_eq!(full, Error::OutOfMemory { bytes: 300, free: Some(20) });
        let text = full.to_string();
        assert!(text.contains("300 bytes") && text.contains("20 are free"), "{text}");
    }

    #[test]
    fn the_engine_learns_which_call_failed() {
        let error = Error::from(CudaError::Call {
            function: "cuLaunchKernel",
            code: 700,
            name: "CUDA_ERROR_ILLEGAL_ADDRESS".into(),
            text: "an illegal memory access was encountered".into(),
        });
        let text = error.to_string();
        for part in ["cuLaunchKernel", "CUDA_ERROR_ILLEGAL_ADDRESS", "700", "illegal memory access"]
        {
            assert!(text.contains(part), "{text}");
        }
    }
}
