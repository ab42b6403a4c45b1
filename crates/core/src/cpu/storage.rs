//! Where a buffer's elements lie: small ones in cache lines of the heap, large ones in pages of their own.
//!
//! A small one is written once before its first use: allocators zero what is to be aligned so.
//!
//! A large buffer begins at a page, so that vector stores are aligned, and asks for huge pages: where
//! the system offers them, first use costs one page fault per 2 MiB instead of one per 4 KiB.

use std::ops::{Deref, DerefMut};

use super::pages::Pages;
use crate::codec::Word;
use crate::lines::{LINE, Lines};

/// Bytes from which on a buffer has pages of its own: two huge ones, so that at least one is whole.
const LARGE: usize = 4 << 20;

/// Elements in memory, all zero when made.
#[derive(Debug)]
pub(super) enum Storage<U> {
    /// On the heap: less than a cache line.
    Few(Vec<U>),
    /// On the heap.
    Lines(Lines<U>),
    /// In pages, which hold nothing else.
    Pages(Pages),
}

impl<U: Word> Storage<U> {
    /// `len` zeroes; none where the system refuses.
    pub(super) fn zeroes(len: usize) -> Option<Self> {
        let bytes = len.checked_mul(size_of::<U>())?;
        match bytes {
            ..LINE => bytemuck::allocation::try_zeroed_vec(len).ok().map(Storage::Few),
            LINE..LARGE => Lines::zeroes(len).map(Storage::Lines),
            LARGE.. => Pages::zeroes(bytes).map(Storage::Pages),
        }
    }
}

impl<U: Word> Deref for Storage<U> {
    type Target = [U];

    fn deref(&self) -> &[U] {
        match self {
            Storage::Few(values) => values,
            Storage::Lines(values) => values,
            Storage::Pages(pages) => bytemuck::cast_slice(pages.bytes()),
        }
    }
}

impl<U: Word> DerefMut for Storage<U> {
    fn deref_mut(&mut self) -> &mut [U] {
        match self {
            Storage::Few(values) => values,
            Storage::Lines(values) => values,
            Storage::Pages(pages) => bytemuck::cast_slice_mut(pages.bytes_mut()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_ones_are_zeroes_of_their_length() {
        for len in [0, 1, 7, 8, 9, 1000, LARGE / 8 - 1, LARGE / 8, LARGE / 8 + 3] {
            let mut storage = Storage::<u64>::zeroes(len).expect("a few MiB");
            assert_eq!(matches!(storage, Storage::Pages(_)), len >= LARGE / 8);
            assert!(len < 8 || storage.as_ptr().addr().is_multiple_of(LINE));
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
