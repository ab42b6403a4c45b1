//! What will be read soon.

/// Bytes of a run that are asked for at most: from there on others ask, or the processor goes on by itself.
const MOST: usize = 1024;

/// Asks for the beginning of elements `at .. at + len`, as far as there are any; a hint, where the target has one.
#[inline(always)]
pub(crate) fn prefetch<T>(elements: &[T], at: usize, len: usize) {
    let some = elements.get(at..).unwrap_or_default();
    let bytes = (len.min(some.len()) * size_of::<T>()).min(MOST);
    #[cfg(target_arch = "x86_64")]
    prefetch_lines(some.as_ptr().cast(), bytes);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Asks for as many bytes of each tensor as these elements of it have, `distance` bytes after where they lie, whatever is
/// there.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch_ahead<T, const N: usize>(tensors: [&[T]; N], distance: usize) {
    for elements in tensors {
        let from = elements.as_ptr().cast::<i8>().wrapping_add(distance);
        prefetch_lines(from, size_of_val(elements));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_lines(from: *const i8, bytes: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in (0..bytes).step_by(64) {
        // SAFETY: SSE is part of the target; nothing is read that a program could tell, and no address is wrong.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(line)) };
    }
}
