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
//!
//! [`Cuda`] runs what every backend runs, on memory of its own or on somebody else's:
//!
//! ```no_run
//! use prelu_mem_core::contract::Host;
//! use prelu_mem_core::{Backend, Error};
//! use prelu_mem_cuda::Cuda;
//!
//! # fn framework_tensor() -> u64 { 0 }
//! # fn framework_stream() -> *mut std::ffi::c_void { std::ptr::null_mut() }
//! # fn main() -> Result<(), Error> {
//! let cuda = Cuda::open(0)?;
//! let mut x = cuda.reserve::<f32>(4)?;
//! cuda.upload(&[1.0, -2.0, 3.0, -4.0], Cuda::view_mut(&mut x, 4))?;
//!
//! // A framework's stream and tensor: its `cudaStream_t`, a device address, a number of elements.
//! // SAFETY: the framework keeps both alive while they are used here.
//! let there = unsafe { Cuda::on_stream(0, framework_stream()) }?;
//! let tensor = unsafe { there.wrap_mut::<f32>(framework_tensor(), 4) }?;
//! cuda.synchronize()?; // `cuda` and `there` have a stream each
//! there.copy(Cuda::view(&x, 4), tensor)?;
//! # Ok(())
//! # }
//! ```

mod backend;
mod buffer;
mod codec;
mod context;
mod counted;
mod cuda;
mod device;
mod error;
mod event;
mod launch;
mod limits;
mod memory;
mod module;
mod probe;
mod repeat;
mod stopwatch;
mod stream;

pub use buffer::{Buffer, View, ViewMut};
pub use codec::DeviceCodec;
pub use cuda::Cuda;
pub use error::CudaError;
pub use probe::{
    ComputeCapability, DeviceInfo, Driver, DriverVersion, KERNELS, MIN_CAPABILITY, MIN_DRIVER,
    library_names, probe,
};
pub use stopwatch::Stopwatch;

/// For [`device_codec!`].
#[doc(hidden)]
pub use prelu_mem_core;
