//! Max pooling: the largest value of every window.

use prelu_mem_core::cpu::Buffer;
use prelu_mem_core::{Backend, Cpu};

use super::im2col::Patches;
use crate::error::{NetError, Result};
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place};
use crate::number::Number;

/// Square windows over (N, C, H, W), whole ones only. Saves the place of each largest value, four
/// bytes per output.
#[derive(Clone, Copy, Debug)]
pub struct MaxPooling {
    /// Height and width of the window.
    pub kernel: usize,
    /// Step of the window.
    pub stride: usize,
}

impl MaxPooling {
    fn sizes(self, place: Place<'_>) -> Result<Sizes> {
        let [batch, channels, height, width] = place.image()?;
        let MaxPooling { kernel, stride } = self;
        let window = Patches { channels: 1, height, width, kernel, stride, pad: 0 };
        let (out_height, out_width) = window.output().ok_or_else(|| {
            place.refuse(format!(
                "window {kernel} with stride {stride} does not fit an image of {height} x {width}"
            ))
        })?;
        if u32::try_from(height * width).is_err() {
            let reason =
                format!("image of {height} x {width} is too large: below 2^32 are accepted");
            return Err(place.refuse(reason));
        }
        Ok(Sizes { batch, channels, window, out_height, out_width })
    }
}

#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    channels: usize,
    window: Patches,
    out_height: usize,
    out_width: usize,
}

impl Sizes {
    fn outputs(self) -> usize {
        self.batch * self.channels * self.out_height * self.out_width
    }
}

impl<T: Number> Describe<T> for MaxPooling {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        let sizes = self.sizes(place)?;
        Ok(vec![vec![sizes.batch, sizes.channels, sizes.out_height, sizes.out_width]])
    }

    fn needs(&self, _: &Cpu, place: Place<'_>) -> Result<Needs> {
        let saved = self.sizes(place)?.outputs() * size_of::<u32>();
        Ok(Needs { saved, ..Needs::default() })
    }

    fn build(&self, _: &Cpu, place: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        Ok(Box::new(Layer { sizes: self.sizes(place)?, places: None }))
    }
}

struct Layer {
    sizes: Sizes,
    /// Where in its plane the largest value of each window was.
    places: Option<Buffer<u32>>,
}

impl<T: Number> NetLayer<T> for Layer {
    fn forward(&mut self, cpu: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let Sizes { window: Patches { height, width, kernel, stride, .. }, .. } = self.sizes;
        let mut places = match pass.training {
            true => Some(cpu.alloc::<u32>(self.sizes.outputs())?),
            false => None,
        };
        let per_plane = self.sizes.out_height * self.sizes.out_width;
        let planes = pass.bottoms[0].chunks_exact(height * width);
        for (plane, (image, top)) in
            planes.zip(pass.tops[0].chunks_exact_mut(per_plane)).enumerate()
        {
            for (at, top) in top.iter_mut().enumerate() {
                let (y, x) = (at / self.sizes.out_width, at % self.sizes.out_width);
                let first = y * stride * width + x * stride;
                let mut best = first;
                for line in 0..kernel {
                    for place in first + line * width..first + line * width + kernel {
                        // A NaN wins, and stays, so that it is not lost.
                        if image[place] > image[best] || image[place].is_nan() {
                            best = place;
                        }
                    }
                }
                *top = image[best];
                if let Some(places) = &mut places {
                    places[plane * per_plane + at] = best as u32;
                }
            }
        }
        self.places = places;
        Ok(())
    }

    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        let order = NetError::Order { called: "backward of a pooling", needs: "its forward" };
        let places = self.places.take().ok_or(order)?;
        let Some(bottom) = &mut pass.bottom_diffs[0] else { return Ok(()) };
        let per_plane = self.sizes.out_height * self.sizes.out_width;
        let tops = pass.top_diffs[0].chunks_exact(per_plane).zip(places.chunks_exact(per_plane));
        let plane = self.sizes.window.height * self.sizes.window.width;
        for (bottom, (top, places)) in bottom.chunks_exact_mut(plane).zip(tops) {
            bottom.fill(T::default());
            for (&value, &place) in top.iter().zip(places) {
                bottom[place as usize] += value;
            }
        }
        Ok(())
    }
}
