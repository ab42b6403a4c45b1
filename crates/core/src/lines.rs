//! Numbers in whole cache lines: a vector that lies in two lines is read as two.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::allocation::try_zeroed_vec;
use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

/// Bytes of a line.
pub(crate) const LINE: usize = 64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// Numbers the first of which begins a cache line. They have a size.
pub(crate) struct Lines<W> {
    lines: Vec<Line>,
    len: usize,
    numbers: PhantomData<W>,
}

impl<W: Pod> Lines<W> {
    /// The first `len` of an iterator's numbers.
    pub(crate) fn of(numbers: impl Iterator<Item = W>, len: usize) -> Self {
        let lines = vec![Line::zeroed(); (len * size_of::<W>()).div_ceil(LINE)];
        let mut all = Lines { lines, len, numbers: PhantomData };
        all.iter_mut().zip(numbers).for_each(|(to, number)| *to = number);
        all
    }

    /// `len` zeroes; none where the system refuses.
    pub(crate) fn zeroes(len: usize) -> Option<Self> {
        let bytes = len.checked_mul(size_of::<W>())?;
        let lines = try_zeroed_vec(bytes.div_ceil(LINE)).ok()?;
        Some(Lines { lines, len, numbers: PhantomData })
    }
}

impl<W> fmt::Debug for Lines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<W: Pod> Deref for Lines<W> {
    type Target = [W];

    fn deref(&self) -> &[W] {
        &cast_slice(&self.lines)[..self.len]
    }
}

impl<W: Pod> DerefMut for Lines<W> {
    fn deref_mut(&mut self) -> &mut [W] {
        &mut cast_slice_mut(&mut self.lines)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order_and_begin_a_line() {
        for len in [0, 1, 15, 16, 17, 575] {
            let lines = Lines::of((0..).map(|i| i as f32), len);
            assert_eq!(*lines, (0..len).map(|i| i as f32).collect::<Vec<_>>());
            assert!(lines.as_ptr().addr().is_multiple_of(LINE));
        }
    }
}
