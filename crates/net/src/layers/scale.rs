//! Multiplication with one fixed number.

use prelu_mem_core::Cpu;

use crate::error::Result;
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place};
use crate::number::Number;

/// `y = factor * x`.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The factor.
    pub factor: f64,
}

impl<T: Number> Describe<T> for Scale {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        Ok(vec![place.bottom()?.to_vec()])
    }

    fn needs(&self, _: &Cpu, _: Place<'_>) -> Result<Needs> {
        Ok(Needs::default())
    }

    fn build(&self, _: &Cpu, _: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        Ok(Box::new(Layer(T::from_f64(self.factor))))
    }
}

struct Layer<T>(T);

impl<T: Number> NetLayer<T> for Layer<T> {
    fn forward(&mut self, _: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        scale(self.0, pass.bottoms[0], &mut *pass.tops[0]);
        Ok(())
    }

    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        if let Some(bottom) = &mut pass.bottom_diffs[0] {
            scale(self.0, pass.top_diffs[0], bottom);
        }
        Ok(())
    }
}

fn scale<T: Number>(factor: T, from: &[T], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from * factor);
}
