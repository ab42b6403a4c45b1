//! Memory that is counted: every byte the backend allocates, live and at its peak.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::codec::Word;
use crate::error::{Error, Result};

/// The count of allocated bytes. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    live: AtomicUsize,
    peak: AtomicUsize,
}

impl Memory {
    /// Bytes allocated and not yet freed.
    pub fn live_bytes(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// The most bytes that were live at once since the start or the last [`Memory::reset_peak`].
    pub fn peak_bytes(&self) -> usize {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// Starts a new peak at the bytes live now.
    pub fn reset_peak(&self) {
        self.0.peak.store(self.live_bytes(), Ordering::Relaxed);
    }

    /// `len` zeroes.
    pub(super) fn alloc<U: Word>(&self, len: usize) -> Result<Buffer<U>> {
        let bytes = len.saturating_mul(size_of::<U>());
        let values =
            bytemuck::allocation::try_zeroed_vec(len).map_err(|()| Error::OutOfMemory { bytes })?;
        let live = self.0.live.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.0.peak.fetch_max(live, Ordering::Relaxed);
        Ok(Buffer { values, memory: self.clone() })
    }
}

/// Counted elements in memory.
#[derive(Debug)]
pub struct Buffer<U: Word> {
    values: Vec<U>,
    memory: Memory,
}

impl<U: Word> Deref for Buffer<U> {
    type Target = [U];

    fn deref(&self) -> &[U] {
        &self.values
    }
}

impl<U: Word> DerefMut for Buffer<U> {
    fn deref_mut(&mut self) -> &mut [U] {
        &mut self.values
    }
}

impl<U: Word> Drop for Buffer<U> {
    fn drop(&mut self) {
        self.memory.0.live.fetch_sub(size_of_val(&*self.values), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_counted_and_freed() {
        let memory = Memory::default();
        let first = memory.alloc::<u64>(10).expect("80 bytes");
        let second = memory.alloc::<f32>(5).expect("20 bytes");
        assert_eq!(memory.live_bytes(), 100);
        drop(first);
        assert_eq!((memory.live_bytes(), memory.peak_bytes()), (20, 100));
        memory.reset_peak();
        assert_eq!(memory.peak_bytes(), 20);
        drop(second);
        assert_eq!(memory.live_bytes(), 0);
        assert_eq!(memory.alloc::<()>(9).expect("no bytes").len(), 9);
    }

    #[test]
    fn a_refused_allocation_names_its_bytes() {
        let memory = Memory::default();
        let error = memory.alloc::<u64>(usize::MAX / 16).expect_err("half the address space");
        assert_eq!(error, Error::OutOfMemory { bytes: (usize::MAX / 16) * 8 });
        assert_eq!(memory.live_bytes(), 0);
    }
}
