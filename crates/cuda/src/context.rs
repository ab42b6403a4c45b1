//! A device's primary context: the one that every user of the device in this process shares.

use std::ptr;
use std::sync::Arc;

use cudarc::driver::sys::{CUcontext, CUdevice};

use crate::error::{CudaError, call};

/// The primary context, kept alive while this value is.
///
/// The driver works on the context that is current to the calling thread, so that everything here
/// binds it first: see [`Context::bind`].
#[derive(Debug)]
pub(crate) struct Context {
    device: CUdevice,
    handle: CUcontext,
}

// SAFETY: the driver's handles belong to the process and may be used from any thread.
unsafe impl Send for Context {}
// SAFETY: as above; the driver's functions lock by themselves.
unsafe impl Sync for Context {}

impl Context {
    /// Keeps the device's primary context.
    pub(crate) fn retain(device: CUdevice) -> Result<Arc<Self>, CudaError> {
        let mut handle = ptr::null_mut();
        // SAFETY: `handle` outlives the call; a device that is none is refused by the driver.
        unsafe { call!(cuDevicePrimaryCtxRetain(&mut handle, device)) }?;
        Ok(Arc::new(Context { device, handle }))
    }

    /// Makes the context current to this thread until the guard is dropped. A context of somebody
    /// else's that was current before is put back then; where there was none, this one stays.
    pub(crate) fn bind(&self) -> Result<Bound, CudaError> {
        let mut before = ptr::null_mut();
        // SAFETY: `before` outlives the call.
        unsafe { call!(cuCtxGetCurrent(&mut before)) }?;
        if before == self.handle {
            return Ok(Bound { before: ptr::null_mut() });
        }
        // SAFETY: the context is retained, so that it is one.
        unsafe { call!(cuCtxSetCurrent(self.handle)) }?;
        Ok(Bound { before })
    }

    /// Whether `other` is this context.
    pub(crate) fn is(&self, other: CUcontext) -> bool {
        self.handle == other
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: retained once in `retain`, released once here. A failure leaves nothing to do.
        let _ = unsafe { call!(cuDevicePrimaryCtxRelease_v2(self.device)) };
    }
}

/// The time during which a context is current to this thread.
#[must_use]
pub(crate) struct Bound {
    /// What was current before and has to be again; null for nothing.
    before: CUcontext,
}

impl Drop for Bound {
    fn drop(&mut self) {
        if !self.before.is_null() {
            // SAFETY: the driver gave this handle as the current one. Where its owner has destroyed
            // it since, the driver refuses, and there is nothing to put back.
            let _ = unsafe { call!(cuCtxSetCurrent(self.before)) };
        }
    }
}
