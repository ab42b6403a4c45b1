//! CUDA backends by stream.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use prelu_mem_cuda::Cuda;

use crate::errors::Failure;

/// By device and stream. Asking the driver about a stream takes as long as a launch.
static BACKENDS: Mutex<Option<HashMap<(usize, usize), Cuda>>> = Mutex::new(None);

/// The backend that works in a framework's `cudaStream_t`, made at its first use and kept from then on.
pub(crate) fn in_stream(device: usize, stream: usize) -> Result<Cuda, Failure> {
    let mut backends = BACKENDS.lock().unwrap_or_else(PoisonError::into_inner);
    let backends = backends.get_or_insert_with(HashMap::new);
    if let Some(cuda) = backends.get(&(device, stream)) {
        return Ok(cuda.clone());
    }
    // SAFETY: frameworks never destroy their streams, and who hands them one of his own must not while it is in use.
    let cuda = unsafe { Cuda::on_stream(device, stream as *mut c_void) }?;
    backends.insert((device, stream), cuda.clone());
    Ok(cuda)
}
