//! The backend: one device, one stream, and a count of what was allocated.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys::{CUpointer_attribute, CUresult};
use prelu_mem_core::{Result, Word};

use crate::buffer::{View, ViewMut};
use crate::counted::Count;
use crate::device::Device;
use crate::error::{CudaError, call};
use crate::memory::{self, RawMemory};
use crate::module::Module;
use crate::probe::DeviceInfo;
use crate::stopwatch::Stopwatch;
use crate::stream::Stream;

/// A CUDA device that runs the loops. Clones share the stream and the count of allocated bytes.
///
/// Every call puts its work in the stream and returns; the device does it in that order. Only
/// [`Cuda::synchronize`], [`Cuda::release`], [`Cuda::time`], [`Stopwatch::elapsed`],
/// [`Host::upload`], [`Host::download`] and an allocation that finds no memory wait for the device.
/// A failure of the device shows in whichever call comes next.
///
/// Two backends of one device have a stream each, unless one was made of the other: what one has been
/// given to do is only sure to be done for the other after [`Cuda::synchronize`]. That holds for freeing
/// too: a buffer that is dropped goes back in the order of the stream it was made with.
///
/// [`Host::upload`]: prelu_mem_core::contract::Host::upload
/// [`Host::download`]: prelu_mem_core::contract::Host::download
///
/// A value may be used from any thread. Each call makes the device current to its thread, and puts
/// back what somebody else had made current there.
#[derive(Clone, Debug)]
pub struct Cuda {
    stream: Stream,
    count: Count,
}

impl Cuda {
    /// Opens the device of this index, counted from 0, with a stream of its own.
    ///
    /// # Errors
    /// What [`crate::probe`] reports; [`CudaError::NoSuchDevice`], [`CudaError::OldDriver`],
    /// [`CudaError::Capability`] and [`CudaError::NoMemoryPools`] for a device that cannot be used;
    /// [`CudaError::Call`].
    pub fn open(index: usize) -> Result<Self, CudaError> {
        let device = Device::open(index)?;
        Ok(Cuda { stream: Stream::new(&device)?, count: Count::default() })
    }

    /// Opens the device of this index to work in a stream of the caller's: a `CUstream` or
    /// `cudaStream_t`, null for the default stream. It is never destroyed here.
    ///
    /// # Errors
    /// What [`Cuda::open`] reports; [`CudaError::ForeignStream`] for a stream of another device or
    /// of another context than the device's primary one (which the CUDA runtime uses).
    ///
    /// # Safety
    /// `stream` is such a stream, and is destroyed neither before the last clone of this value nor
    /// before the last buffer, plan or saved state that was made with one of them. CUDA's per-thread
    /// default stream is another one in each thread: with it, all of these stay in one thread. Nothing is
    /// captured into a graph: launches of one plan count their blocks in one place, and those of
    /// graphs may overlap.
    pub unsafe fn on_stream(index: usize, stream: *mut c_void) -> Result<Self, CudaError> {
        let device = Device::open(index)?;
        // SAFETY: by the caller's word.
        let stream = unsafe { Stream::borrowed(&device, stream) }?;
        Ok(Cuda { stream, count: Count::default() })
    }

    /// A backend on the same stream, with a count of its own.
    pub fn with_own_memory(&self) -> Cuda {
        Cuda { stream: self.stream.clone(), count: Count::default() }
    }

    /// What the driver says of the device.
    pub fn device_info(&self) -> &DeviceInfo {
        self.device().info()
    }

    /// Waits until the device has done everything in the stream.
    ///
    /// # Errors
    /// [`CudaError::Call`], also for a failure of what was in the stream.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        self.stream.synchronize()
    }

    /// Free and total bytes of the device's memory. What freed buffers keep for the next allocation
    /// is not free: see [`Cuda::release`].
    ///
    /// # Errors
    /// [`CudaError::Call`].
    pub fn free_and_total_memory(&self) -> Result<(usize, usize), CudaError> {
        self.device().free_and_total_memory()
    }

    /// Runs `work` and tells the time that the device took for what was put in the stream meanwhile.
    /// Waits for its end.
    ///
    /// # Errors
    /// What `work` reports; [`Error::Device`](prelu_mem_core::Error::Device).
    pub fn time<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<(R, Duration)> {
        let mut stopwatch = self.stopwatch();
        let result = stopwatch.run(work)?;
        Ok((result, stopwatch.elapsed()?))
    }

    /// A stopwatch at zero, for work in the stream.
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch::new(&self.stream)
    }

    /// Bytes allocated and not yet freed.
    pub fn live_bytes(&self) -> usize {
        self.count.live()
    }

    /// The most bytes that were live at once since the start or the last [`Cuda::reset_peak`].
    pub fn peak_bytes(&self) -> usize {
        self.count.peak()
    }

    /// Starts a new peak at the bytes live now.
    pub fn reset_peak(&self) {
        self.count.reset_peak();
    }

    /// Gives the memory of freed buffers back to the device. Waits for the stream.
    ///
    /// # Errors
    /// [`CudaError::Call`].
    pub fn release(&self) -> Result<(), CudaError> {
        self.synchronize()?;
        self.device().trim()
    }

    /// A view of `len` elements in device memory that somebody else allocated.
    ///
    /// # Errors
    /// [`CudaError::WrongDevice`] for memory of another device, [`CudaError::NotDeviceMemory`],
    /// [`CudaError::Unaligned`], [`CudaError::TooLarge`]; [`CudaError::Call`].
    ///
    /// # Safety
    /// From `address` on there are `len` elements, alive for `'a` in the order of this backend's
    /// stream, that nobody writes meanwhile.
    pub unsafe fn wrap<'a, U: Word>(
        &self,
        address: u64,
        len: usize,
    ) -> Result<View<'a, U>, CudaError> {
        self.confirm::<U>(address, len)?;
        Ok(View { address, len, device: self.device().index(), elements: PhantomData })
    }

    /// A view, to write, of `len` elements in device memory that somebody else allocated.
    ///
    /// # Errors
    /// Those of [`Cuda::wrap`].
    ///
    /// # Safety
    /// From `address` on there are `len` elements, alive for `'a` in the order of this backend's
    /// stream, that nobody else reads or writes meanwhile.
    pub unsafe fn wrap_mut<'a, U: Word>(
        &self,
        address: u64,
        len: usize,
    ) -> Result<ViewMut<'a, U>, CudaError> {
        self.confirm::<U>(address, len)?;
        Ok(ViewMut { address, len, device: self.device().index(), elements: PhantomData })
    }

    /// Sets all elements of a view to zero bytes, in stream order.
    ///
    /// # Errors
    /// [`CudaError::WrongDevice`] for memory of another device; [`CudaError::Call`].
    pub fn clear<U: Word>(&self, view: ViewMut<'_, U>) -> Result<(), CudaError> {
        self.here("memory to clear", view.device())?;
        // SAFETY: the view is memory of this device, which it alone may write.
        unsafe { memory::clear(&self.stream, view.address(), view.len() * size_of::<U>()) }
    }

    /// Refuses an address that cannot be one of `len` elements of this device.
    fn confirm<U>(&self, address: u64, len: usize) -> Result<(), CudaError> {
        let size = size_of::<U>();
        let bytes = len.checked_mul(size).ok_or(CudaError::TooLarge { len, size })?;
        if bytes == 0 {
            return Ok(());
        }
        let alignment = align_of::<U>();
        if !address.is_multiple_of(alignment as u64) {
            return Err(CudaError::Unaligned { address, alignment });
        }
        let _bound = self.device().bind()?;
        let mut device: c_int = -1;
        let which = CUpointer_attribute::CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL;
        let value = ptr::from_mut(&mut device).cast::<c_void>();
        // SAFETY: the attribute's value is an int, and outlives the call; any address is allowed.
        match unsafe { call!(cuPointerGetAttribute(value, which, address)) } {
            Err(error) if error.is(CUresult::CUDA_ERROR_INVALID_VALUE) => {
                return Err(CudaError::NotDeviceMemory { address });
            }
            other => other?,
        }
        let got = usize::try_from(device).map_err(|_| CudaError::NotDeviceMemory { address })?;
        self.here("wrapped memory", got)
    }

    /// Refuses memory of another device than this one.
    pub(crate) fn here(&self, what: &'static str, got: usize) -> Result<(), CudaError> {
        let expected = self.device().index();
        if got == expected { Ok(()) } else { Err(CudaError::WrongDevice { what, expected, got }) }
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn count(&self) -> &Count {
        &self.count
    }

    pub(crate) fn device(&self) -> &Device {
        self.stream.device()
    }

    /// The kernels of an image, loaded on the device where they are not yet.
    pub(crate) fn module(&self, image: &'static str) -> Result<Arc<Module>, CudaError> {
        self.device().module(image)
    }

    /// Memory of any value that is not counted.
    pub(crate) fn reserve_uncounted(&self, bytes: usize) -> Result<RawMemory, CudaError> {
        RawMemory::allocate(&self.stream, bytes)
    }

    /// Device memory, not counted, that holds `bytes` once the stream gets there. Does not wait.
    pub(crate) fn upload_owned(&self, bytes: Vec<u8>) -> Result<RawMemory, CudaError> {
        let target = self.reserve_uncounted(bytes.len())?;
        if !bytes.is_empty() {
            // SAFETY: the target is as large and alive in stream order; the stream keeps the source
            // until the copy is done.
            let copied = unsafe { memory::upload(&self.stream, &bytes, target.address()) };
            self.stream.keep(bytes)?;
            copied?;
        }
        Ok(target)
    }
}
