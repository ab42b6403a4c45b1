//! Image patches as columns of a matrix, and back.

use crate::number::Number;

/// A square kernel over one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patches {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) pad: usize,
}

impl Patches {
    /// Height and width of the result; none where the kernel does not fit or the stride is 0.
    pub(crate) fn output(self) -> Option<(usize, usize)> {
        let along = |size: usize| {
            let room = (size + 2 * self.pad).checked_sub(self.kernel)?;
            room.checked_div(self.stride).map(|steps| steps + 1)
        };
        if self.kernel == 0 {
            return None;
        }
        Some((along(self.height)?, along(self.width)?))
    }

    /// Rows of the matrix: one for every place in the kernel and every channel.
    pub(crate) fn rows(self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    /// Whether the matrix is the image itself.
    pub(crate) fn is_identity(self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.pad == 0
    }

    /// Calls `each` with (channel, kernel y, kernel x, row of the matrix).
    fn for_each_row(self, mut each: impl FnMut(usize, usize, usize, usize)) {
        let mut row = 0;
        for channel in 0..self.channels {
            for ky in 0..self.kernel {
                for kx in 0..self.kernel {
                    each(channel, ky, kx, row);
                    row += 1;
                }
            }
        }
    }

    /// The place in the image that output `at` sees at kernel offset `k`; none in the padding.
    fn source(self, at: usize, k: usize, size: usize) -> Option<usize> {
        (at * self.stride + k).checked_sub(self.pad).filter(|&place| place < size)
    }

    /// Writes the patches of `image` to `columns`: `rows x (output height * output width)`.
    pub(crate) fn spread<T: Number>(self, image: &[T], columns: &mut [T]) {
        let Some((out_height, out_width)) = self.output() else { return };
        self.for_each_row(|channel, ky, kx, row| {
            let plane = &image[channel * self.height * self.width..][..self.height * self.width];
            let to = &mut columns[row * out_height * out_width..][..out_height * out_width];
            for (y, to) in to.chunks_exact_mut(out_width).enumerate() {
                let line = self.source(y, ky, self.height).map(|at| &plane[at * self.width..]);
                for (x, to) in to.iter_mut().enumerate() {
                    let value = line.zip(self.source(x, kx, self.width)).map(|(line, at)| line[at]);
                    *to = value.unwrap_or_default();
                }
            }
        });
    }

    /// Overwrites `image` with the sum of what `columns` hold of each of its places.
    pub(crate) fn gather<T: Number>(self, columns: &[T], image: &mut [T]) {
        let Some((out_height, out_width)) = self.output() else { return };
        image.fill(T::default());
        self.for_each_row(|channel, ky, kx, row| {
            let plane =
                &mut image[channel * self.height * self.width..][..self.height * self.width];
            let from = &columns[row * out_height * out_width..][..out_height * out_width];
            for (y, from) in from.chunks_exact(out_width).enumerate() {
                let Some(line) = self.source(y, ky, self.height) else { continue };
                let line = &mut plane[line * self.width..][..self.width];
                for (x, &value) in from.iter().enumerate() {
                    if let Some(at) = self.source(x, kx, self.width) {
                        line[at] += value;
                    }
                }
            }
        });
    }
}
