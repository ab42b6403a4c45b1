//! Convolution: patches as a matrix (im2col), multiplied with the kernels.

use prelu_mem_core::{Backend, Cpu, Element, Filler};

use super::im2col::Patches;
use crate::error::Result;
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place, Reads};
use crate::matrix::{Matrix, multiply};
use crate::number::Number;
use crate::param::{Init, Multipliers, Param};

/// A square convolution over (N, C, H, W), in groups of channels.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Output channels.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// Zeros around the image.
    pub pad: usize,
    /// Groups that the channels, in and out, fall into.
    pub groups: usize,
    /// First weights, of shape (outputs, channels / groups, kernel, kernel).
    pub weights: Init,
    /// First biases, one per output; none for a convolution without.
    pub bias: Option<Init>,
    /// Multipliers of the weights.
    pub weight_multipliers: Multipliers,
    /// Multipliers of the biases.
    pub bias_multipliers: Multipliers,
}

impl Convolution {
    /// A `kernel x kernel` convolution with stride 1, padded to keep the size where `kernel` is odd,
    /// with weights from `weights` and biases of 0 without decay.
    pub fn same(outputs: usize, kernel: usize, weights: impl Into<Init>) -> Self {
        Convolution {
            outputs,
            kernel,
            stride: 1,
            pad: kernel / 2,
            groups: 1,
            weights: weights.into(),
            bias: Some(Filler::Constant(0.0).into()),
            weight_multipliers: Multipliers::default(),
            bias_multipliers: Multipliers { decay_mult: 0.0, ..Multipliers::default() },
        }
    }

    fn sizes(&self, place: Place<'_>) -> Result<Sizes> {
        let [batch, channels, height, width] = place.image()?;
        let Convolution { outputs, kernel, stride, pad, groups, .. } = *self;
        let patches = Patches { channels, height, width, kernel, stride, pad };
        let (out_height, out_width) = patches.output().ok_or_else(|| {
            place.refuse(format!(
                "kernel {kernel} with stride {stride} and padding {pad} does not fit an image of {height} x {width}"
            ))
        })?;
        if groups == 0 || channels % groups != 0 || outputs % groups != 0 {
            return Err(place.refuse(format!(
                "{groups} groups do not divide {channels} channels and {outputs} outputs"
            )));
        }
        Ok(Sizes { batch, outputs, groups, patches, out_height, out_width })
    }
}

#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    outputs: usize,
    groups: usize,
    patches: Patches,
    out_height: usize,
    out_width: usize,
}

impl Sizes {
    fn image(self) -> usize {
        self.patches.channels * self.patches.height * self.patches.width
    }
    fn pixels(self) -> usize {
        self.out_height * self.out_width
    }
    fn output(self) -> usize {
        self.outputs * self.pixels()
    }
    /// Rows of the patch matrix that one group sees.
    fn depth(self) -> usize {
        self.patches.rows() / self.groups
    }
    fn weights(self) -> usize {
        self.outputs * self.depth()
    }
    /// Elements of the patch matrix of one image; none where it is the image itself.
    fn columns(self) -> usize {
        if self.patches.is_identity() { 0 } else { self.patches.rows() * self.pixels() }
    }
}

impl<T: Number> Describe<T> for Convolution {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        let sizes = self.sizes(place)?;
        Ok(vec![vec![sizes.batch, sizes.outputs, sizes.out_height, sizes.out_width]])
    }

    fn needs(&self, _: &Cpu, place: Place<'_>) -> Result<Needs> {
        let sizes = self.sizes(place)?;
        let biases = if self.bias.is_some() { sizes.outputs } else { 0 };
        let learned = |count: usize, multipliers: Multipliers| {
            if multipliers.learned() { count } else { 0 }
        };
        Ok(Needs {
            values: (sizes.weights() + biases) * size_of::<T>(),
            learned: (learned(sizes.weights(), self.weight_multipliers)
                + learned(biases, self.bias_multipliers))
                * size_of::<T>(),
            forward_workspace: sizes.columns() * size_of::<T>(),
            backward_workspace: sizes.columns() * size_of::<T>(),
            reads: Reads { bottoms: true, ..Reads::default() },
            ..Needs::default()
        })
    }

    fn build(&self, cpu: &Cpu, place: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        let sizes = self.sizes(place)?;
        let kernel = self.kernel;
        let shape = [sizes.outputs, sizes.patches.channels / sizes.groups, kernel, kernel];
        let name = place.param("weights");
        let values = self.weights.values(&name, &shape, place.seed)?;
        let mut params = vec![Param::new(cpu, name, &shape, &values, self.weight_multipliers)?];
        if let Some(bias) = &self.bias {
            let (name, shape) = (place.param("bias"), [sizes.outputs]);
            let values = bias.values(&name, &shape, place.seed)?;
            params.push(Param::new(cpu, name, &shape, &values, self.bias_multipliers)?);
        }
        Ok(Box::new(Layer { sizes, params }))
    }
}

struct Layer<T: Number> {
    sizes: Sizes,
    params: Vec<Param<T>>,
}

impl<T: Number> NetLayer<T> for Layer<T> {
    /// ```text
    /// for each image:  columns = its patches
    ///                  for each group:  y = weights * columns
    ///                  y += bias
    /// ```
    fn forward(&mut self, cpu: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let sizes = self.sizes;
        let mut columns = cpu.alloc(sizes.columns())?;
        let (images, tops) = (pass.bottoms[0], &mut pass.tops[0]);
        for n in 0..sizes.batch {
            let image = &images[n * sizes.image()..][..sizes.image()];
            let top = &mut tops[n * sizes.output()..][..sizes.output()];
            let columns = patches(sizes, image, &mut columns);
            for (g, top) in top.chunks_exact_mut(sizes.output() / sizes.groups).enumerate() {
                let right = group(sizes, columns, g);
                multiply(weights(sizes, self.params[0].values(), g), right, T::zero(), top);
            }
            if let Some(bias) = self.params.get(1) {
                for (row, &bias) in top.chunks_exact_mut(sizes.pixels()).zip(bias.values()) {
                    row.iter_mut().for_each(|value| *value += bias);
                }
            }
        }
        Ok(())
    }

    /// ```text
    /// for each image:  columns = its patches
    ///                  dweights += dy * columns^T;  dbias += dy
    ///                  columns = weights^T * dy;    dx = the columns gathered
    /// ```
    fn backward(&mut self, cpu: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        let sizes = self.sizes;
        let mut columns = cpu.alloc(sizes.columns())?;
        let (images, tops) = (pass.bottoms[0], pass.top_diffs[0]);
        let bottom = &mut pass.bottom_diffs[0];
        let (first, rest) = self.params.split_at_mut(1);
        let (values, mut dweights) = first[0].parts();
        for n in 0..sizes.batch {
            let image = &images[n * sizes.image()..][..sizes.image()];
            let top = &tops[n * sizes.output()..][..sizes.output()];
            let keep = if n == 0 { T::zero() } else { T::one() };
            if let Some(dweights) = &mut dweights {
                let columns = patches(sizes, image, &mut columns);
                let each = dweights.chunks_exact_mut(sizes.weights() / sizes.groups);
                for (g, dweights) in each.enumerate() {
                    let right = group(sizes, columns, g).transposed();
                    multiply(upstream(sizes, top, g), right, keep, dweights);
                }
            }
            if let Some(bottom) = bottom {
                let image = &mut bottom[n * sizes.image()..][..sizes.image()];
                let to = if sizes.patches.is_identity() { &mut *image } else { &mut *columns };
                let each = to.chunks_exact_mut(sizes.depth() * sizes.pixels());
                for (g, to) in each.enumerate() {
                    let left = weights(sizes, values, g).transposed();
                    multiply(left, upstream(sizes, top, g), T::zero(), to);
                }
                if !sizes.patches.is_identity() {
                    sizes.patches.gather(&columns, image);
                }
            }
        }
        if let Some(dbias) = rest.first_mut().and_then(|bias| bias.parts().1) {
            sum_channels(tops, sizes.pixels(), dbias);
        }
        Ok(())
    }

    fn params(&self) -> &[Param<T>] {
        &self.params
    }

    fn params_mut(&mut self) -> &mut [Param<T>] {
        &mut self.params
    }
}

fn patches<'a, T: Number>(sizes: Sizes, image: &'a [T], columns: &'a mut [T]) -> &'a [T] {
    if sizes.patches.is_identity() {
        return image;
    }
    sizes.patches.spread(image, columns);
    columns
}

fn group<T: Number>(sizes: Sizes, columns: &[T], group: usize) -> Matrix<'_, T> {
    let count = sizes.depth() * sizes.pixels();
    Matrix::new(&columns[group * count..][..count], sizes.depth(), sizes.pixels())
}

fn weights<T: Number>(sizes: Sizes, weights: &[T], group: usize) -> Matrix<'_, T> {
    let count = sizes.weights() / sizes.groups;
    let rows = sizes.outputs / sizes.groups;
    Matrix::new(&weights[group * count..][..count], rows, sizes.depth())
}

fn upstream<T: Number>(sizes: Sizes, top: &[T], group: usize) -> Matrix<'_, T> {
    let count = sizes.output() / sizes.groups;
    let rows = sizes.outputs / sizes.groups;
    Matrix::new(&top[group * count..][..count], rows, sizes.pixels())
}

/// Overwrites `sums` with the sum over each channel, in f64.
fn sum_channels<T: Number>(values: &[T], pixels: usize, sums: &mut [T]) {
    let channels = sums.len();
    for (channel, sum) in sums.iter_mut().enumerate() {
        let rows = values.chunks_exact(pixels).skip(channel).step_by(channels);
        *sum = T::from_f64(rows.flatten().map(|&value| Element::to_f64(value)).sum());
    }
}
