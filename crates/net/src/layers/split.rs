//! One blob for several readers: the same data, a gradient each.

use prelu_mem_core::Cpu;

use crate::error::Result;
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place};
use crate::number::Number;

/// Gives its bottom to `tops` readers. No data is copied; the gradients are added up in backward.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// Number of readers.
    pub tops: usize,
}

impl<T: Number> Describe<T> for Split {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        if self.tops == 0 {
            return Err(place.refuse("0 readers: 1 or more are accepted".to_owned()));
        }
        Ok(vec![place.bottom()?.to_vec(); self.tops])
    }

    fn needs(&self, _: &Cpu, _: Place<'_>) -> Result<Needs> {
        Ok(Needs::default())
    }

    fn build(&self, _: &Cpu, _: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        Ok(Box::new(Layer))
    }

    fn shares_data(&self) -> bool {
        true
    }
}

struct Layer;

impl<T: Number> NetLayer<T> for Layer {
    fn forward(&mut self, _: &Cpu, _: Forward<'_, T>) -> Result<()> {
        Ok(())
    }

    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        if let Some(bottom) = &mut pass.bottom_diffs[0] {
            bottom.copy_from_slice(pass.top_diffs[0]);
            for top in &pass.top_diffs[1..] {
                bottom.iter_mut().zip(*top).for_each(|(sum, &value)| *sum += value);
            }
        }
        Ok(())
    }
}
