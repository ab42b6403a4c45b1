//! A stream: work that the device does in order, while the host goes on.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::fmt;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::sys::{CUstream, CUstream_flags};

use crate::device::Device;
use crate::error::{CudaError, call};
use crate::event::Event;
use crate::module::Function;

/// Threads per block of every kernel here.
pub(crate) const THREADS: u32 = 256;

/// A stream of one device. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Queue>);

struct Queue {
    handle: CUstream,
    /// Whether the stream was created here, and has to be destroyed here.
    own: bool,
    /// Host bytes that the device may still be reading, the oldest first.
    uploads: Mutex<VecDeque<Upload>>,
    device: Device,
}

struct Upload {
    done: Event,
    _bytes: Vec<u8>,
}

// SAFETY: the driver's handles belong to the process and may be used from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above; the driver's functions lock by themselves.
unsafe impl Sync for Queue {}

impl Stream {
    /// A new stream, which does not wait for the device's default stream.
    pub(crate) fn new(device: &Device) -> Result<Self, CudaError> {
        let _bound = device.bind()?;
        let mut handle = ptr::null_mut();
        let flags = CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: `handle` outlives the call.
        unsafe { call!(cuStreamCreate(&mut handle, flags)) }?;
        Ok(Stream::wrap(device, handle, true))
    }

    /// A stream of somebody else's, null for the default one. It is never destroyed here.
    ///
    /// # Errors
    /// A stream of another context than the device's primary one.
    ///
    /// # Safety
    /// `handle` is a stream, and lives longer than every clone of this value.
    pub(crate) unsafe fn borrowed(device: &Device, handle: *mut c_void) -> Result<Self, CudaError> {
        let handle: CUstream = handle.cast();
        let _bound = device.bind()?;
        let mut context = ptr::null_mut();
        // SAFETY: the stream is one by the caller's word; `context` outlives the call.
        unsafe { call!(cuStreamGetCtx(handle, &mut context)) }?;
        if !device.context().is(context) {
            return Err(CudaError::ForeignStream { device: device.index() });
        }
        Ok(Stream::wrap(device, handle, false))
    }

    fn wrap(device: &Device, handle: CUstream, own: bool) -> Self {
        let device = device.clone();
        Stream(Arc::new(Queue { handle, own, uploads: Mutex::default(), device }))
    }

    pub(crate) fn device(&self) -> &Device {
        &self.0.device
    }

    pub(crate) fn handle(&self) -> CUstream {
        self.0.handle
    }

    /// Waits until everything in the stream is done.
    pub(crate) fn synchronize(&self) -> Result<(), CudaError> {
        let _bound = self.device().bind()?;
        // SAFETY: the stream lives as long as this value.
        unsafe { call!(cuStreamSynchronize(self.0.handle)) }?;
        self.0.forget_finished();
        Ok(())
    }

    /// Launches a kernel with blocks of [`THREADS`] threads, and does not wait for it.
    ///
    /// # Safety
    /// `arguments` is the struct that the kernel takes, and every address in it is memory of this
    /// device that is large enough, and alive in stream order.
    pub(crate) unsafe fn launch<A: Copy>(
        &self,
        function: &Function,
        grid: [u32; 2],
        arguments: &A,
    ) -> Result<(), CudaError> {
        let _bound = self.device().bind()?;
        let mut parameters = [ptr::from_ref(arguments).cast_mut().cast::<c_void>()];
        // SAFETY: the driver copies the arguments before it returns, and writes none of them; they
        // are what the kernel takes by the caller's word.
        unsafe {
            call!(cuLaunchKernel(
                function.handle,
                grid[0],
                grid[1],
                1,
                THREADS,
                1,
                1,
                0,
                self.0.handle,
                parameters.as_mut_ptr(),
                ptr::null_mut(),
            ))
        }
    }

    /// Keeps `bytes` until the device has done all that is in the stream now.
    pub(crate) fn keep(&self, bytes: Vec<u8>) -> Result<(), CudaError> {
        self.0.forget_finished();
        let marked = Event::untimed(self.device().context()).and_then(|done| {
            // SAFETY: the stream lives as long as this value, and belongs to the device's context.
            unsafe { done.record(self.0.handle) }.map(|()| done)
        });
        match marked {
            Ok(done) => {
                self.0.uploads().push_back(Upload { done, _bytes: bytes });
                Ok(())
            }
            Err(error) => {
                // Nothing will tell when the bytes are free, so that this has to wait.
                let waited = self.synchronize();
                drop(bytes);
                waited.and(Err(error))
            }
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Queue { handle, own, device, .. } = &*self.0;
        f.debug_struct("Stream")
            .field("handle", handle)
            .field("own", own)
            .field("device", &device.index())
            .finish()
    }
}

impl Queue {
    /// Frees the uploads that are done: those before the first that is not, since a stream does one after the other. One
    /// that cannot be asked about stays until the end, and so do those behind it.
    fn forget_finished(&self) {
        let mut uploads = self.uploads();
        while uploads.front().is_some_and(|upload| upload.done.is_passed().unwrap_or(false)) {
            uploads.pop_front();
        }
    }

    // A panic elsewhere leaves the list whole.
    fn uploads(&self) -> MutexGuard<'_, VecDeque<Upload>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        for upload in self.uploads().drain(..) {
            // Fails only where the device has failed for good, and reads nothing any more.
            let _ = upload.done.synchronize();
        }
        if self.own
            && let Ok(_bound) = self.device.bind()
        {
            // SAFETY: created once in `new`, destroyed once here; the driver does first what is
            // still in it. A failure leaves nothing to do.
            let _ = unsafe { call!(cuStreamDestroy_v2(self.handle)) };
        }
    }
}
