//! Opens a device for the loops.

use crate::{CudaError, probe};

/// A CUDA device ready to run the loops. It has no value in this version, which has no CUDA kernels:
/// the compiler knows that [`open`] ends in an error.
#[derive(Clone, Copy, Debug)]
pub enum Device {}

/// Opens the device of this index, counted from 0.
///
/// # Errors
///
/// Whatever [`probe`] reports, [`CudaError::NoSuchDevice`] for an index out of range, and
/// [`CudaError::NoKernels`] for every device that is there.
pub fn open(index: usize) -> Result<Device, CudaError> {
    let devices = probe()?.devices;
    let count = devices.len();
    match devices.into_iter().nth(index) {
        None => Err(CudaError::NoSuchDevice { index, count }),
        Some(device) => Err(CudaError::NoKernels { device: device.name }),
    }
}
