//! What every backend does with memory, and what the contract suite asks of one besides.

use prelu_mem_core::contract::Host;
use prelu_mem_core::{Backend, Error, Result, Word};

use crate::buffer::{Buffer, View, ViewMut};
use crate::cuda::Cuda;
use crate::error::CudaError;
use crate::memory::{self, RawMemory};

impl Cuda {
    fn obtain<U: Word>(&self, len: usize) -> Result<(RawMemory, usize), CudaError> {
        let bytes = len.saturating_mul(size_of::<U>());
        Ok((self.reserve_uncounted(bytes)?, bytes))
    }

    /// Refuses a view of another length, or of another device's memory.
    pub(crate) fn accept<U>(
        &self,
        what: &'static str,
        expected: usize,
        view: View<'_, U>,
    ) -> Result<()> {
        same_length(what, expected, view.len())?;
        Ok(self.here(what, view.device())?)
    }
}

impl Backend for Cuda {
    type Buffer<U: Word> = Buffer<U>;
    type View<'a, U: Word> = View<'a, U>;
    type ViewMut<'a, U: Word> = ViewMut<'a, U>;

    fn alloc<U: Word>(&self, len: usize) -> Result<Buffer<U>> {
        let (mut memory, bytes) = self.obtain::<U>(len)?;
        memory.clear()?;
        Ok(Buffer::new(memory, len, self.count().add(bytes)))
    }

    fn reserve<U: Word>(&self, len: usize) -> Result<Buffer<U>> {
        let (memory, bytes) = self.obtain::<U>(len)?;
        Ok(Buffer::new(memory, len, self.count().add(bytes)))
    }

    fn len<U: Word>(buffer: &Buffer<U>) -> usize {
        buffer.len()
    }

    fn view<U: Word>(buffer: &Buffer<U>, len: usize) -> View<'_, U> {
        buffer.view(len)
    }

    fn view_mut<U: Word>(buffer: &mut Buffer<U>, len: usize) -> ViewMut<'_, U> {
        buffer.view_mut(len)
    }

    fn view_len<U: Word>(view: View<'_, U>) -> usize {
        view.len()
    }

    fn reborrow<'a, U: Word>(view: &'a mut ViewMut<'_, U>) -> ViewMut<'a, U> {
        view.reborrow()
    }

    fn as_view<'a, U: Word>(view: &'a ViewMut<'_, U>) -> View<'a, U> {
        view.as_view()
    }

    fn copy<U: Word>(&self, from: View<'_, U>, to: ViewMut<'_, U>) -> Result<()> {
        same_length("copy", to.len(), from.len())?;
        self.here("copy's source", from.device())?;
        self.here("copy's target", to.device())?;
        let bytes = to.len() * size_of::<U>();
        // SAFETY: both views are of `bytes` bytes on this device; one that is written overlaps no
        // other, as with all borrows.
        unsafe { memory::copy(self.stream(), from.address(), to.address(), bytes) }?;
        Ok(())
    }
}

impl Host for Cuda {
    /// Waits for the stream.
    fn upload<U: Word>(&self, values: &[U], to: ViewMut<'_, U>) -> Result<()> {
        same_length("upload", to.len(), values.len())?;
        self.here("upload", to.device())?;
        // SAFETY: the view is as long as the values, which outlive the wait below.
        let copied =
            unsafe { memory::upload(self.stream(), bytemuck::cast_slice(values), to.address()) };
        self.stream().synchronize()?;
        Ok(copied?)
    }

    /// Waits for the stream.
    fn download<U: Word>(&self, from: View<'_, U>) -> Result<Vec<U>> {
        self.here("download", from.device())?;
        let bytes = from.len() * size_of::<U>();
        let mut values = bytemuck::allocation::try_zeroed_vec(from.len())
            .map_err(|()| Error::OutOfMemory { bytes, free: None })?;
        // SAFETY: the view is as long as the values.
        unsafe {
            memory::download(self.stream(), from.address(), bytemuck::cast_slice_mut(&mut values))
        }?;
        Ok(values)
    }

    fn live_bytes(&self) -> usize {
        Cuda::live_bytes(self)
    }

    fn peak_bytes(&self) -> usize {
        Cuda::peak_bytes(self)
    }

    fn reset_peak(&self) {
        Cuda::reset_peak(self);
    }
}

/// Refuses another length.
pub(crate) fn same_length(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::Length { what, expected, got }) }
}
