//! Tensors as frameworks hold them: from the ordinary allocator, aligned to a cache line. The backend's
//! own buffers ask the system for huge pages, which the other peers' tensors do not have.

use std::ops::{Deref, DerefMut};

const LINE: usize = 64;

pub(crate) struct Tensor {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Tensor {
    pub(crate) fn zeroes(len: usize) -> Self {
        let values = vec![0.0; len + LINE / size_of::<f32>()];
        let start = values.as_ptr().align_offset(LINE);
        Tensor { values, start, len }
    }
}

impl Deref for Tensor {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..][..self.len]
    }
}

impl DerefMut for Tensor {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..][..self.len]
    }
}
