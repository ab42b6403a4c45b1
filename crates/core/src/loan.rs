//! Lending: a gradient buffer idle until backward, and the one buffer a net's stashes move through.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::Backend;
use crate::element::Element;
use crate::error::{Error, Result};

/// Holds a layer's gradient buffer while nobody else does. A strategy that stashes there moves the
/// buffer out, so that no gradient can be written over the stash: it must be vacated first.
#[derive(Debug)]
pub struct GradSlot<B: Backend, T: Element>(Option<B::Buffer<T>>);

impl<B: Backend, T: Element> GradSlot<B, T> {
    /// A slot with the layer's gradient buffer.
    pub fn new(buffer: B::Buffer<T>) -> Self {
        GradSlot(Some(buffer))
    }

    /// A slot without one: for hosts whose gradients come and go.
    pub fn none() -> Self {
        GradSlot(None)
    }

    /// The gradient buffer, to write a gradient to.
    ///
    /// # Errors
    /// [`Error::NoGradientBuffer`] where there is none, or where a stash waits in it.
    pub fn get_mut(&mut self) -> Result<&mut B::Buffer<T>> {
        self.0.as_mut().ok_or(Error::NoGradientBuffer)
    }

    /// Takes the buffer out for good: its host frees it, or uses it elsewhere.
    pub fn take(&mut self) -> Option<B::Buffer<T>> {
        self.0.take()
    }

    /// Moves a buffer of at least `need` elements out.
    pub(crate) fn lend(&mut self, need: usize) -> Result<B::Buffer<T>> {
        let have = B::len(self.0.as_ref().ok_or(Error::NoGradientBuffer)?);
        if have < need {
            return Err(Error::GradientBufferTooSmall { need, have });
        }
        self.0.take().ok_or(Error::NoGradientBuffer)
    }

    /// Puts a buffer back.
    pub(crate) fn give_back(&mut self, buffer: B::Buffer<T>) {
        self.0 = Some(buffer);
    }
}

/// One buffer for a whole net, as large as its largest stash. Clones share it.
#[derive(Debug)]
pub struct SharedBuffer<B: Backend, T: Element>(Arc<Mutex<Option<B::Buffer<T>>>>);

impl<B: Backend, T: Element> Clone for SharedBuffer<B, T> {
    fn clone(&self) -> Self {
        SharedBuffer(Arc::clone(&self.0))
    }
}

impl<B: Backend, T: Element> SharedBuffer<B, T> {
    /// Shares a buffer.
    pub fn new(buffer: B::Buffer<T>) -> Self {
        SharedBuffer(Arc::new(Mutex::new(Some(buffer))))
    }

    /// Takes the buffer until the lease is dropped.
    ///
    /// # Errors
    /// [`Error::SharedBufferBusy`] while another lease is out, [`Error::SharedBufferTooSmall`].
    pub fn lease(&self, need: usize) -> Result<Lease<B, T>> {
        let mut place = self.place();
        let buffer = place.take().ok_or(Error::SharedBufferBusy)?;
        let have = B::len(&buffer);
        if have < need {
            *place = Some(buffer);
            return Err(Error::SharedBufferTooSmall { need, have });
        }
        Ok(Lease { buffer: ManuallyDrop::new(buffer), home: self.clone() })
    }

    // A panic elsewhere leaves the place empty or filled, never in between.
    fn place(&self) -> MutexGuard<'_, Option<B::Buffer<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shared buffer while one layer has it. Dropping it, on any path, gives the buffer back.
#[derive(Debug)]
pub struct Lease<B: Backend, T: Element> {
    buffer: ManuallyDrop<B::Buffer<T>>,
    home: SharedBuffer<B, T>,
}

impl<B: Backend, T: Element> Lease<B, T> {
    /// The buffer.
    pub fn buffer(&self) -> &B::Buffer<T> {
        &self.buffer
    }

    /// The buffer, to write.
    pub fn buffer_mut(&mut self) -> &mut B::Buffer<T> {
        &mut self.buffer
    }
}

impl<B: Backend, T: Element> Drop for Lease<B, T> {
    fn drop(&mut self) {
        // SAFETY: the buffer is taken once, here, and the lease is gone afterwards.
        let buffer = unsafe { ManuallyDrop::take(&mut self.buffer) };
        *self.home.place() = Some(buffer);
    }
}
