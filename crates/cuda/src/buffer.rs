//! Elements in device memory: owned, or seen through a view that knows its device.

use std::marker::PhantomData;

use prelu_mem_core::Word;

use crate::counted::Share;
use crate::memory::RawMemory;

/// Owned elements on one device. Freed on drop, on any thread, behind what the stream still has to
/// do with them: dropping never waits.
#[derive(Debug)]
pub struct Buffer<U: Word> {
    memory: RawMemory,
    len: usize,
    _share: Share,
    element: PhantomData<U>,
}

impl<U: Word> Buffer<U> {
    /// `memory` holds `len` elements.
    pub(crate) fn new(memory: RawMemory, len: usize, share: Share) -> Self {
        debug_assert_eq!(memory.bytes(), len * size_of::<U>());
        Buffer { memory, len, _share: share, element: PhantomData }
    }

    /// The device address of the first element; 0 where there are no bytes.
    pub fn address(&self) -> u64 {
        self.memory.address()
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The index of the device that holds the elements.
    pub fn device(&self) -> usize {
        self.memory.stream().device().index()
    }

    /// The first `len` elements.
    ///
    /// # Panics
    /// Where the buffer holds fewer.
    pub(crate) fn view(&self, len: usize) -> View<'_, U> {
        assert!(len <= self.len, "a view of {len} elements of a buffer of {}", self.len);
        View { address: self.address(), len, device: self.device(), elements: PhantomData }
    }

    /// The first `len` elements, to write.
    ///
    /// # Panics
    /// Where the buffer holds fewer.
    pub(crate) fn view_mut(&mut self, len: usize) -> ViewMut<'_, U> {
        assert!(len <= self.len, "a view of {len} elements of a buffer of {}", self.len);
        ViewMut { address: self.address(), len, device: self.device(), elements: PhantomData }
    }
}

/// Read access to elements on one device.
#[derive(Debug)]
pub struct View<'a, U> {
    pub(crate) address: u64,
    pub(crate) len: usize,
    pub(crate) device: usize,
    pub(crate) elements: PhantomData<&'a [U]>,
}

impl<U> Clone for View<'_, U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for View<'_, U> {}

impl<'a, U> View<'a, U> {
    /// The device address of the first element.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The index of the device that holds the elements.
    pub fn device(&self) -> usize {
        self.device
    }

    /// The elements from `first` on.
    ///
    /// # Panics
    /// Where there are fewer than `first`.
    pub fn skip(self, first: usize) -> View<'a, U> {
        assert!(first <= self.len, "element {first} of a view of {}", self.len);
        let address = self.address + (first * size_of::<U>()) as u64;
        View { address, len: self.len - first, ..self }
    }
}

/// Read and write access to elements on one device.
#[derive(Debug)]
pub struct ViewMut<'a, U> {
    pub(crate) address: u64,
    pub(crate) len: usize,
    pub(crate) device: usize,
    pub(crate) elements: PhantomData<&'a mut [U]>,
}

impl<'a, U> ViewMut<'a, U> {
    /// The device address of the first element.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The index of the device that holds the elements.
    pub fn device(&self) -> usize {
        self.device
    }

    /// The elements from `first` on.
    ///
    /// # Panics
    /// Where there are fewer than `first`.
    pub fn skip(self, first: usize) -> ViewMut<'a, U> {
        assert!(first <= self.len, "element {first} of a view of {}", self.len);
        let address = self.address + (first * size_of::<U>()) as u64;
        ViewMut { address, len: self.len - first, ..self }
    }

    /// A shorter-lived view of the same elements.
    pub(crate) fn reborrow(&mut self) -> ViewMut<'_, U> {
        ViewMut { address: self.address, len: self.len, device: self.device, elements: PhantomData }
    }

    /// Read access to the same elements.
    pub(crate) fn as_view(&self) -> View<'_, U> {
        View { address: self.address, len: self.len, device: self.device, elements: PhantomData }
    }
}
