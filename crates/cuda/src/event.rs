//! A mark in a stream: whether the work before it is done, and the time between two of them.

use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys::{CUevent, CUevent_flags, CUresult, CUstream, cuEventQuery};

use crate::context::Context;
use crate::error::{CudaError, call, checked};

/// A mark that a stream passes. Destroyed on drop.
#[derive(Debug)]
pub(crate) struct Event {
    handle: CUevent,
    context: Arc<Context>,
}

// SAFETY: the driver's handles belong to the process and may be used from any thread.
unsafe impl Send for Event {}
// SAFETY: as above; the driver's functions lock by themselves.
unsafe impl Sync for Event {}

impl Event {
    /// A mark that keeps the time at which it is passed.
    pub(crate) fn timed(context: &Arc<Context>) -> Result<Self, CudaError> {
        Event::new(context, CUevent_flags::CU_EVENT_DEFAULT)
    }

    /// A mark that only tells whether it is passed.
    pub(crate) fn untimed(context: &Arc<Context>) -> Result<Self, CudaError> {
        Event::new(context, CUevent_flags::CU_EVENT_DISABLE_TIMING)
    }

    fn new(context: &Arc<Context>, flags: CUevent_flags) -> Result<Self, CudaError> {
        let _bound = context.bind()?;
        let mut handle = ptr::null_mut();
        // SAFETY: `handle` outlives the call.
        unsafe { call!(cuEventCreate(&mut handle, flags as u32)) }?;
        Ok(Event { handle, context: Arc::clone(context) })
    }

    /// Puts the mark behind what is in the stream now.
    ///
    /// # Safety
    /// `stream` is a live stream of the event's context.
    pub(crate) unsafe fn record(&self, stream: CUstream) -> Result<(), CudaError> {
        let _bound = self.context.bind()?;
        // SAFETY: the event lives; the stream does by the caller's word.
        unsafe { call!(cuEventRecord(self.handle, stream)) }
    }

    /// Whether the stream has passed the mark. Never waits.
    pub(crate) fn is_passed(&self) -> Result<bool, CudaError> {
        let _bound = self.context.bind()?;
        // SAFETY: the event lives.
        match unsafe { cuEventQuery(self.handle) } {
            CUresult::CUDA_ERROR_NOT_READY => Ok(false),
            result => checked("cuEventQuery", result).map(|()| true),
        }
    }

    /// Waits until the stream has passed the mark.
    pub(crate) fn synchronize(&self) -> Result<(), CudaError> {
        let _bound = self.context.bind()?;
        // SAFETY: the event lives.
        unsafe { call!(cuEventSynchronize(self.handle)) }
    }

    /// The time between two marks, both timed and passed, to about half a microsecond.
    pub(crate) fn elapsed_since(&self, start: &Event) -> Result<Duration, CudaError> {
        let _bound = self.context.bind()?;
        let mut milliseconds = 0.0;
        // SAFETY: both events live; `milliseconds` outlives the call.
        unsafe { call!(cuEventElapsedTime(&mut milliseconds, start.handle, self.handle)) }?;
        Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1000.0))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if let Ok(_bound) = self.context.bind() {
            // SAFETY: created once in `new`, destroyed once here; the driver waits for a recorded
            // event by itself. A failure leaves nothing to do.
            let _ = unsafe { call!(cuEventDestroy_v2(self.handle)) };
        }
    }
}
