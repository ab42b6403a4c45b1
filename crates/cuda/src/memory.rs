//! Device memory, taken and given back in stream order, without waiting.

use std::ffi::c_void;

use cudarc::driver::sys::CUresult;

use crate::error::{CudaError, call};
use crate::stream::Stream;

/// Bytes on the device. Freed on drop, behind what the stream still has to do with them.
#[derive(Debug)]
pub(crate) struct RawMemory {
    /// 0 for no bytes.
    address: u64,
    bytes: usize,
    stream: Stream,
}

impl RawMemory {
    /// `bytes` bytes of any value. Where the device has not enough, what the pool keeps unused is
    /// given back first, which waits for the stream.
    pub(crate) fn allocate(stream: &Stream, bytes: usize) -> Result<Self, CudaError> {
        let mut memory = RawMemory { address: 0, bytes, stream: stream.clone() };
        if bytes == 0 {
            return Ok(memory);
        }
        let device = stream.device();
        // More than there is at all is not asked for: the driver may call such a size invalid.
        if bytes as u64 <= device.info().memory_bytes {
            let _bound = device.bind()?;
            for retry in [false, true] {
                if retry {
                    stream.synchronize()?;
                    device.trim()?;
                }
                // SAFETY: `address` outlives the call; the stream lives as long as `memory`.
                match unsafe { call!(cuMemAllocAsync(&mut memory.address, bytes, stream.handle())) }
                {
                    Err(error) if error.is(CUresult::CUDA_ERROR_OUT_OF_MEMORY) => {}
                    other => return other.map(|()| memory),
                }
            }
        }
        memory.address = 0;
        let (free, _) = device.free_and_total_memory()?;
        Err(CudaError::OutOfMemory { bytes, free })
    }

    /// The device address; 0 for no bytes.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The stream that orders the memory's life.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Sets every byte to zero, in stream order.
    pub(crate) fn clear(&mut self) -> Result<(), CudaError> {
        // SAFETY: the range is this memory's own.
        unsafe { clear(&self.stream, self.address, self.bytes) }
    }
}

impl Drop for RawMemory {
    fn drop(&mut self) {
        if self.address == 0 {
            return;
        }
        if let Ok(_bound) = self.stream.device().bind() {
            // SAFETY: allocated once in `allocate`, freed once here. Where it fails, the device has
            // failed for good, or the driver has left before this value did.
            let _ = unsafe { call!(cuMemFreeAsync(self.address, self.stream.handle())) };
        }
    }
}

/// Puts zeros over a range, in stream order.
///
/// # Safety
/// The range is memory of the stream's device, alive in stream order.
pub(crate) unsafe fn clear(stream: &Stream, at: u64, bytes: usize) -> Result<(), CudaError> {
    if bytes == 0 {
        return Ok(());
    }
    let _bound = stream.device().bind()?;
    // SAFETY: by the caller's word.
    unsafe { call!(cuMemsetD8Async(at, 0, bytes, stream.handle())) }
}

/// Puts a copy from the device to the device in the stream.
///
/// # Safety
/// Both ranges are memory of the stream's device, alive in stream order, and do not overlap.
pub(crate) unsafe fn copy(
    stream: &Stream,
    from: u64,
    to: u64,
    bytes: usize,
) -> Result<(), CudaError> {
    if bytes == 0 {
        return Ok(());
    }
    let _bound = stream.device().bind()?;
    // SAFETY: by the caller's word.
    unsafe { call!(cuMemcpyDtoDAsync_v2(to, from, bytes, stream.handle())) }
}

/// Puts a copy from the host to the device in the stream.
///
/// # Safety
/// `to` is as many bytes of the stream's device, and `from` is neither freed nor written before the
/// stream has done the copy. The driver's documentation leaves open whether it has read pageable
/// memory when it returns: it "may" stage it, and need not on machines where the device reads the
/// host's memory itself.
pub(crate) unsafe fn upload(stream: &Stream, from: &[u8], to: u64) -> Result<(), CudaError> {
    if from.is_empty() {
        return Ok(());
    }
    let _bound = stream.device().bind()?;
    let source = from.as_ptr().cast::<c_void>();
    // SAFETY: by the caller's word.
    unsafe { call!(cuMemcpyHtoDAsync_v2(to, source, from.len(), stream.handle())) }
}

/// Copies from the device to the host, behind everything in the stream, and waits for it.
///
/// # Safety
/// `from` is as many bytes of the stream's device, alive in stream order.
pub(crate) unsafe fn download(stream: &Stream, from: u64, to: &mut [u8]) -> Result<(), CudaError> {
    if !to.is_empty() {
        let _bound = stream.device().bind()?;
        let target = to.as_mut_ptr().cast::<c_void>();
        // SAFETY: by the caller's word; `to` outlives the wait below.
        unsafe { call!(cuMemcpyDtoHAsync_v2(target, from, to.len(), stream.handle())) }?;
    }
    stream.synchronize()
}
