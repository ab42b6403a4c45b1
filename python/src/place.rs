//! Addresses as views of a backend's memory.

use std::slice;

use prelu_mem_core::{Backend, Cpu, Word};
use prelu_mem_cuda::Cuda;

use crate::errors::Failure;

/// A backend that works on memory which somebody else allocated.
pub(crate) trait Place: Backend {
    /// `len` elements from `address` on.
    ///
    /// # Safety
    /// They are there and nobody writes them for `'a`.
    unsafe fn elements<'a, U: Word>(
        &self,
        what: &'static str,
        address: u64,
        len: usize,
    ) -> Result<Self::View<'a, U>, Failure>;

    /// `len` elements from `address` on, to write.
    ///
    /// # Safety
    /// They are there and nobody else reads or writes them for `'a`.
    unsafe fn elements_mut<'a, U: Word>(
        &self,
        what: &'static str,
        address: u64,
        len: usize,
    ) -> Result<Self::ViewMut<'a, U>, Failure>;

    /// Sets all to zero.
    fn clear(&self, values: Self::ViewMut<'_, f64>) -> Result<(), Failure>;
}

/// Empty tensors may have any address.
fn aligned<U>(what: &'static str, address: u64, len: usize) -> Result<(), Failure> {
    let alignment = align_of::<U>();
    let there = address != 0 && address.is_multiple_of(alignment as u64);
    if len == 0 || size_of::<U>() == 0 || there {
        return Ok(());
    }
    Err(Failure::Unaligned { what, address, alignment })
}

impl Place for Cpu {
    unsafe fn elements<'a, U: Word>(
        &self,
        what: &'static str,
        address: u64,
        len: usize,
    ) -> Result<&'a [U], Failure> {
        aligned::<U>(what, address, len)?;
        if len == 0 {
            return Ok(&[]);
        }
        if size_of::<U>() == 0 {
            let none = std::ptr::NonNull::<U>::dangling().as_ptr();
            // SAFETY: elements without bytes may lie anywhere.
            return Ok(unsafe { slice::from_raw_parts(none, len) });
        }
        // SAFETY: aligned and not null; the rest by the caller's word.
        Ok(unsafe { slice::from_raw_parts(address as *const U, len) })
    }

    unsafe fn elements_mut<'a, U: Word>(
        &self,
        what: &'static str,
        address: u64,
        len: usize,
    ) -> Result<&'a mut [U], Failure> {
        aligned::<U>(what, address, len)?;
        if len == 0 {
            return Ok(&mut []);
        }
        if size_of::<U>() == 0 {
            let none = std::ptr::NonNull::<U>::dangling().as_ptr();
            // SAFETY: elements without bytes may lie anywhere.
            return Ok(unsafe { slice::from_raw_parts_mut(none, len) });
        }
        // SAFETY: aligned and not null; the rest by the caller's word.
        Ok(unsafe { slice::from_raw_parts_mut(address as *mut U, len) })
    }

    fn clear(&self, values: &mut [f64]) -> Result<(), Failure> {
        values.fill(0.0);
        Ok(())
    }
}

impl Place for Cuda {
    unsafe fn elements<'a, U: Word>(
        &self,
        _: &'static str,
        address: u64,
        len: usize,
    ) -> Result<Self::View<'a, U>, Failure> {
        // SAFETY: by the caller's word.
        Ok(unsafe { self.wrap(address, len) }?)
    }

    unsafe fn elements_mut<'a, U: Word>(
        &self,
        _: &'static str,
        address: u64,
        len: usize,
    ) -> Result<Self::ViewMut<'a, U>, Failure> {
        // SAFETY: by the caller's word.
        Ok(unsafe { self.wrap_mut(address, len) }?)
    }

    fn clear(&self, values: Self::ViewMut<'_, f64>) -> Result<(), Failure> {
        Ok(Cuda::clear(self, values)?)
    }
}
