//! The CUDA side of prelu-mem: finds the driver at run time, so the same binary runs where there is none.
//!
//! [`probe`] tells what is there and never panics; [`Cuda::open`] makes a backend of a device.
//! Nothing falls back to the CPU in silence.
//!
//! ```
//! match prelu_mem_cuda::probe() {
//!     Ok(driver) => println!("CUDA {}, {} devices", driver.version, driver.devices.len()),
//!     Err(reason) => println!("no CUDA here: {reason}"),
//! }
//! ```

mod buffer;
mod context;
mod counted;
mod cuda;
mod device;
mod error;
mod event;
mod memory;
mod module;
mod open;
mod probe;
mod repeat;
mod stopwatch;
mod stream;

pub use buffer::{Buffer, View, ViewMut};
pub use cuda::Cuda;
pub use error::CudaError;
pub use open::{Device, open};
pub use probe::{
    ComputeCapability, DeviceInfo, Driver, DriverVersion, KERNELS, MIN_CAPABILITY, MIN_DRIVER,
    library_names, probe,
};
pub use stopwatch::Stopwatch;
