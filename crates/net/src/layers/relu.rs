//! ReLU and leaky ReLU: one fixed slope that is not negative, so that the sign of the output is
//! that of the input.

use prelu_mem_core::Cpu;

use crate::error::Result;
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place, Reads};
use crate::number::Number;

/// `y = x` where `x > 0`, else `slope * x`. In place or not; backward reads the output.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReLu {
    /// The negative slope, finite and not negative: 0 is ReLU.
    pub slope: f64,
}

impl<T: Number> Describe<T> for ReLu {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        if !self.slope.is_finite() || self.slope < 0.0 {
            let slope = self.slope;
            let reason =
                format!("slope {slope}: finite slopes from 0 on are accepted; use a PReLU");
            return Err(place.refuse(reason));
        }
        Ok(vec![place.bottom()?.to_vec()])
    }

    fn needs(&self, _: &Cpu, _: Place<'_>) -> Result<Needs> {
        Ok(Needs { reads: Reads { tops: true, ..Reads::default() }, ..Needs::default() })
    }

    fn build(&self, _: &Cpu, _: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        Ok(Box::new(Layer(T::from_f64(self.slope))))
    }

    fn may_work_in_place(&self) -> bool {
        true
    }
}

struct Layer<T>(T);

impl<T: Number> Layer<T> {
    /// What a value, or its gradient, is multiplied with: 1 where `of` is positive.
    fn factor(&self, of: T) -> T {
        if of.positive() { T::one() } else { self.0 }
    }
}

impl<T: Number> NetLayer<T> for Layer<T> {
    fn forward(&mut self, _: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let top = &mut pass.tops[0];
        if let Some(bottom) = pass.bottoms.first() {
            top.copy_from_slice(bottom);
        }
        top.iter_mut().for_each(|value| *value *= self.factor(*value));
        Ok(())
    }

    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        let outputs = pass.tops[0];
        let grad = match pass.bottom_diffs.first_mut() {
            Some(None) => return Ok(()),
            Some(Some(bottom)) => {
                bottom.copy_from_slice(pass.top_diffs[0]);
                bottom
            }
            None => &mut **pass.slot.get_mut()?,
        };
        for (grad, &output) in grad.iter_mut().zip(outputs) {
            *grad *= self.factor(output);
        }
        Ok(())
    }
}
