//! Memory that is counted: every byte the backend allocates, live and at its peak.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::storage::Storage;
use crate::codec::Word;
use crate::error::{Error, Result};

/// The count of allocated bytes, and the freed buffers that wait to be used again. Clones share both.
///
/// A training step frees what the next one allocates again, in the same sizes. Fresh memory costs a
/// page fault per 4 KiB, more than the loop that fills it; so freed buffers are kept for the next
/// request of their type and length. Live and kept bytes together never exceed the most that was
/// ever live at once: where they would, kept buffers are released first.
///
/// A buffer's own bytes are counted. Not counted is what the allocator needs besides: of a buffer of 4 MiB and more
/// at most 32 KiB, which keep tensors from displacing each other in the cache; of a smaller one what makes it begin and
/// end with cache lines.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    live: AtomicUsize,
    peak: AtomicUsize,
    pool: Mutex<Pool>,
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

    /// Bytes freed and kept to be used again.
    pub fn kept_bytes(&self) -> usize {
        self.pool().bytes
    }

    /// Gives the kept buffers back to the system.
    pub fn release(&self) {
        self.pool().release();
    }

    /// `len` zeroes.
    pub(super) fn alloc<U: Word>(&self, len: usize) -> Result<Buffer<U>> {
        let (mut buffer, fresh) = self.obtain(len)?;
        if !fresh {
            buffer.fill(U::default());
        }
        Ok(buffer)
    }

    /// `len` elements of any value.
    pub(super) fn reserve<U: Word>(&self, len: usize) -> Result<Buffer<U>> {
        self.obtain(len).map(|(buffer, _)| buffer)
    }

    /// A buffer, and whether it is fresh: all zeroes.
    fn obtain<U: Word>(&self, len: usize) -> Result<(Buffer<U>, bool)> {
        if len == 0 {
            return Ok((Buffer { values: None, memory: self.clone() }, true));
        }
        let bytes = len.saturating_mul(size_of::<U>());
        let mut pool = self.pool();
        let kept = pool.take(len);
        if kept.is_none() {
            pool.make_room(self.live_bytes().saturating_add(bytes));
        }
        let fresh = kept.is_none();
        let values = match kept {
            Some(values) => values,
            None => Storage::zeroes(len)
                .map(Box::new)
                .ok_or(Error::OutOfMemory { bytes, free: None })?,
        };
        let live = self.0.live.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.0.peak.fetch_max(live, Ordering::Relaxed);
        pool.most = pool.most.max(live);
        Ok((Buffer { values: Some(values), memory: self.clone() }, fresh))
    }

    // A panic elsewhere leaves the pool whole: nothing in it is changed in two steps.
    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.0.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Freed buffers by type and length.
#[derive(Default)]
struct Pool {
    buffers: HashMap<(TypeId, usize), Vec<Box<dyn Any + Send>>>,
    bytes: usize,
    /// The most bytes ever live at once.
    most: usize,
}

impl Pool {
    fn take<U: Word>(&mut self, len: usize) -> Option<Box<Storage<U>>> {
        let buffer = self.buffers.get_mut(&(TypeId::of::<U>(), len))?.pop()?;
        let values = buffer.downcast::<Storage<U>>().ok()?;
        self.bytes -= size_of_val(&**values);
        Some(values)
    }

    fn put<U: Word>(&mut self, values: Box<Storage<U>>, live: usize) {
        let bytes = size_of_val(&**values);
        if bytes > 0 && live + self.bytes + bytes <= self.most {
            self.bytes += bytes;
            let kept = self.buffers.entry((TypeId::of::<U>(), values.len())).or_default();
            kept.push(values);
        }
    }

    /// Releases everything kept where it would not fit beside `live` bytes.
    fn make_room(&mut self, live: usize) {
        if live.saturating_add(self.bytes) > self.most {
            self.release();
        }
    }

    fn release(&mut self) {
        self.buffers.clear();
        self.bytes = 0;
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("bytes", &self.bytes).field("most", &self.most).finish()
    }
}

/// Counted elements in memory.
#[derive(Debug)]
pub struct Buffer<U: Word> {
    /// Boxed once for all its lives: freeing it and using it again allocates nothing. None where it has
    /// no elements.
    values: Option<Box<Storage<U>>>,
    memory: Memory,
}

impl<U: Word> Deref for Buffer<U> {
    type Target = [U];

    fn deref(&self) -> &[U] {
        self.values.as_ref().map_or(&[], |values| values)
    }
}

impl<U: Word> DerefMut for Buffer<U> {
    fn deref_mut(&mut self) -> &mut [U] {
        self.values.as_mut().map_or(&mut [], |values| values)
    }
}

impl<U: Word> Drop for Buffer<U> {
    fn drop(&mut self) {
        let Some(values) = self.values.take() else { return };
        let bytes = size_of_val(&**values);
        let mut pool = self.memory.pool();
        let live = self.memory.0.live.fetch_sub(bytes, Ordering::Relaxed) - bytes;
        pool.put(values, live);
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
        assert_eq!(error, Error::OutOfMemory { bytes: (usize::MAX / 16) * 8, free: None });
        assert_eq!(memory.live_bytes(), 0);
    }

    #[test]
    fn a_freed_buffer_is_used_again_and_cleared_where_zeroes_are_promised() {
        let memory = Memory::default();
        let mut first = memory.alloc::<f32>(100).expect("400 bytes");
        first.fill(3.0);
        let place = first.as_ptr();
        drop(first);
        assert_eq!((memory.live_bytes(), memory.kept_bytes()), (0, 400));
        let second = memory.reserve::<f32>(100).expect("400 bytes");
        assert_eq!((second.as_ptr(), second[0]), (place, 3.0));
        drop(second);
        assert!(memory.alloc::<f32>(100).expect("400 bytes").iter().all(|&value| value == 0.0));
        memory.release();
        assert_eq!(memory.kept_bytes(), 0);
    }

    #[test]
    fn what_is_kept_never_adds_to_the_peak() {
        let memory = Memory::default();
        let big = memory.alloc::<u64>(100).expect("800 bytes");
        let small = memory.alloc::<u64>(10).expect("80 bytes");
        drop(big);
        assert_eq!(memory.kept_bytes(), 800);
        let other = memory.alloc::<u64>(50).expect("400 bytes");
        assert_eq!(memory.kept_bytes(), 0, "800 kept beside 480 live would pass the peak of 880");
        drop(other);
        assert_eq!(memory.kept_bytes(), 400);
        drop(small);
        assert_eq!(memory.kept_bytes(), 480);
    }
}
