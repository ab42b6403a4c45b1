//! What will be read soon.

/// Bytes that are asked for at most: from there on the processor goes on by itself.
const MOST: usize = 1024;

/// Asks for the beginning of elements `at .. at + len`, as far as there are any; a hint, where the target has one.
#[inline(always)]
pub(crate) fn prefetch<T>(elements: &[T], at: usize, len: usize) {
    let some = elements.get(at..).unwrap_or_default();
    let bytes = (len.min(some.len()) * size_of::<T>()).min(MOST);
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of the target, and nothing is read that a program could tell.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(some.as_ptr().cast::<i8>().wrapping_add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
