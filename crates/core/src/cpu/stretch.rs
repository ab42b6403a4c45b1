//! Saved words on their way to memory, where a pass moves more than the caches hold.
//!
//! ```text
//! for each stretch of a block:  ask for the lines that its words will lie in
//!                               save the words in lines of their own
//!                               copy them
//! ```
//!
//! Stores reach memory in order: one to a line that is not in the first cache holds up those of the elements
//! behind it, which are. Words come so slowly that nothing fetches their lines in time.

use bytemuck::{Pod, Zeroable, cast_slice_mut};

use crate::codec::{CHUNK, Word};
use crate::vectors::prefetch;

/// Elements whose words are copied at once: bytes for them are as much as is asked for at once.
pub(super) const STRETCH: usize = 16 * CHUNK;

/// Whether words, each of so many elements, fit a [`Stretch`] and are few enough beside those to be written twice: at most
/// a fourth of their bytes. Bytes of a mask for two-byte types are not.
#[inline(always)]
pub(super) const fn pays<W, T>(lanes: usize) -> bool {
    let words = size_of::<W>();
    words > 0
        && words <= lanes
        && STRETCH.is_multiple_of(words)
        && 4 * words <= lanes * size_of::<T>()
}

/// A stretch's words, a byte for each element at most.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(super) struct Stretch([u64; STRETCH / size_of::<u64>()]);

impl Stretch {
    /// Room for the words that `to` will take.
    #[inline(always)]
    pub(super) fn begin<W: Word>(&mut self, to: &[W]) -> &mut [W] {
        prefetch(to, 0, to.len());
        &mut cast_slice_mut(&mut self.0)[..to.len()]
    }

    /// Copies them.
    #[inline(always)]
    pub(super) fn end<W: Word>(&mut self, to: &mut [W]) {
        to.copy_from_slice(&cast_slice_mut(&mut self.0)[..to.len()]);
    }
}
