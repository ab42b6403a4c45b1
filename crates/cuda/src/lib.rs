//! The CUDA side of prelu-mem: finds the driver at run time, so the same binary runs where there is none.
//!
//! [`probe`] tells what is there and never panics; [`open`] is what `--device cuda` calls.
//! This version holds no CUDA kernels yet, and [`open`] says so: nothing falls back to the CPU in silence.
//!
//! ```
//! match prelu_mem_cuda::probe() {
//!     Ok(driver) => println!("CUDA {}, {} devices", driver.version, driver.devices.len()),
//!     Err(reason) => println!("no CUDA here: {reason}"),
//! }
//! ```

mod error;
mod open;
mod probe;

pub use error::CudaError;
pub use open::{Device, open};
pub use probe::{ComputeCapability, DeviceInfo, Driver, DriverVersion, library_names, probe};
