//! Where a buffer's elements lie: small ones on the heap, large ones in pages of their own.
//!
//! A large buffer begins at a page, so that vector stores are aligned, and asks for huge pages: where
//! the system offers them, first use costs one page fault per 2 MiB instead of one per 4 KiB.

use std::ops::{Deref, DerefMut};

use super::pages::Pages;
use crate::codec::Word;

/// Bytes from which on a buffer has pages of its own: two huge ones, so that at least one is whole.
const LARGE: usize = 4 << 20;

/// Elements in memory, all zero when made.
#[derive(Debug)]
pub(super) enum Storage<U> {
    /// On the heap.
    Heap(Vec<U>),
    /// In pages, which hold nothing else.
    Pages(Pages),
}

impl<U: Word> Storage<U> {
    /// `len` zeroes; none where the system refuses.
    pub(super) fn zeroes(len: usize) -> Option<Self> {
        let bytes = len.checked_mul(size_of::<U>())?;
        if bytes < LARGE {
            return bytemuck::allocation::try_zeroed_vec(len).ok().map(Storage::Heap);
        }
        Pages::zeroes(bytes).map(Storage::Pages)
    }
}

impl<U: Word> Default for Storage<U> {
    fn default() -> Self {
        Storage::Heap(Vec::new())
    }
}

impl<U: Word> Deref for Storage<U> {
    type Target = [U];

    fn deref(&self) -> &[U] {
        match self {
            Storage::Heap(values) => values,
            Storage::Pages(pages) => bytemuck::cast_slice(pages.bytes()),
        }
    }
}

impl<U: Word> DerefMut for Storage<U> {
    fn deref_mut(&mut self) -> &mut [U] {
        match self {
            Storage::Heap(values) => values,
            Storage::Pages(pages) => bytemuck::cast_slice_mut(pages.bytes_mut()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_ones_are_zeroes_of_their_length() {
        for len in [0, 1, 1000, LARGE / 8 - 1, LARGE / 8, LARGE / 8 + 3] {
            let mut storage = Storage::<u64>::zeroes(len).expect("a few MiB");
            assert_eq!(matches!(storage, Storage::Pages(_)), len >= LARGE / 8);
            assert!(storage.len() == len && storage.iter().all(|&value| value == 0));
            storage.fill(3);
            assert_eq!(storage.iter().sum::<u64>(), 3 * len as u64);
        }
    }

    #[test]
    fn what_cannot_be_had_is_none() {
        assert!(Storage::<u64>::zeroes(usize::MAX / 4).is_none());
        assert!(Storage::<u64>::zeroes(usize::MAX / 16).is_none());
    }
}
