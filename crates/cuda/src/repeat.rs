//! Filling a tensor with a pattern, without the host.

use prelu_mem_core::{Result, Word};

use crate::buffer::{View, ViewMut};
use crate::cuda::Cuda;
use crate::memory;

impl Cuda {
    /// Overwrites `to` with `pattern`, as often as it takes: the first time from `pattern`, then by
    /// doubling what is there, in a number of calls that grows with the logarithm of the length.
    /// Nothing is written where `pattern` is empty. Does not wait.
    ///
    /// # Errors
    /// [`prelu_mem_core::Error::WrongDevice`], [`prelu_mem_core::Error::Device`].
    pub fn repeat<U: Word>(&self, pattern: View<'_, U>, to: ViewMut<'_, U>) -> Result<()> {
        self.here("pattern", pattern.device())?;
        self.here("tensor to fill", to.device())?;
        let (size, len) = (size_of::<U>(), to.len());
        let mut filled = pattern.len().min(len);
        // SAFETY: both views are at least `filled` elements on this device, and do not overlap.
        unsafe { memory::copy(self.stream(), pattern.address(), to.address(), filled * size) }?;
        while 0 < filled && filled < len {
            let more = filled.min(len - filled);
            let behind = to.address() + (filled * size) as u64;
            // SAFETY: the first `more` elements of `to`, and as many behind its first `filled`.
            unsafe { memory::copy(self.stream(), to.address(), behind, more * size) }?;
            filled += more;
        }
        Ok(())
    }
}
