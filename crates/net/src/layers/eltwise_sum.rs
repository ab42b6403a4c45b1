//! The sum of several blobs, element by element.

use prelu_mem_core::Cpu;

use crate::error::Result;
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place};
use crate::number::Number;

/// `y = x0 + x1 + ..`, added in this order.
#[derive(Clone, Copy, Debug, Default)]
pub struct EltwiseSum;

impl<T: Number> Describe<T> for EltwiseSum {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        match place.bottoms {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => {
                Ok(vec![first.clone()])
            }
            bottoms => {
                Err(place
                    .refuse(format!("expected one or more bottoms of one shape, got {bottoms:?}")))
            }
        }
    }

    fn needs(&self, _: &Cpu, _: Place<'_>) -> Result<Needs> {
        Ok(Needs::default())
    }

    fn build(&self, _: &Cpu, _: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        Ok(Box::new(Layer))
    }
}

struct Layer;

impl<T: Number> NetLayer<T> for Layer {
    fn forward(&mut self, _: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let top = &mut pass.tops[0];
        top.copy_from_slice(pass.bottoms[0]);
        for bottom in &pass.bottoms[1..] {
            top.iter_mut().zip(*bottom).for_each(|(top, &value)| *top += value);
        }
        Ok(())
    }

    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        for bottom in pass.bottom_diffs.iter_mut().flatten() {
            bottom.copy_from_slice(pass.top_diffs[0]);
        }
        Ok(())
    }
}
