//! Inner product: every output sees every value of an image.

use prelu_mem_core::{Cpu, Element, Filler};

use crate::error::Result;
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place, Reads};
use crate::matrix::{Matrix, multiply};
use crate::number::Number;
use crate::param::{Init, Multipliers, Param};

/// A fully connected layer: (N, any axes) to (N, outputs).
#[derive(Clone, Debug)]
pub struct InnerProduct {
    /// Outputs per image.
    pub outputs: usize,
    /// First weights, of shape (outputs, values per image).
    pub weights: Init,
    /// First biases, one per output.
    pub bias: Init,
    /// Multipliers of the weights.
    pub weight_multipliers: Multipliers,
    /// Multipliers of the biases.
    pub bias_multipliers: Multipliers,
}

impl InnerProduct {
    /// A layer with weights from `weights` and biases of 0 without decay.
    pub fn new(outputs: usize, weights: impl Into<Init>) -> Self {
        InnerProduct {
            outputs,
            weights: weights.into(),
            bias: Filler::Constant(0.0).into(),
            weight_multipliers: Multipliers::default(),
            bias_multipliers: Multipliers { decay_mult: 0.0, ..Multipliers::default() },
        }
    }

    /// Batch and values per image.
    fn sizes(&self, place: Place<'_>) -> Result<(usize, usize)> {
        match place.bottom()? {
            [batch, rest @ ..] if !rest.is_empty() => Ok((*batch, rest.iter().product())),
            shape => Err(place.refuse(format!(
                "expected a bottom of 2 axes or more (N, ..), got shape {shape:?}"
            ))),
        }
    }
}

impl<T: Number> Describe<T> for InnerProduct {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        Ok(vec![vec![self.sizes(place)?.0, self.outputs]])
    }

    fn needs(&self, _: &Cpu, place: Place<'_>) -> Result<Needs> {
        let weights = self.sizes(place)?.1 * self.outputs;
        let count = |learned, count| if learned { count } else { 0 };
        let learned = count(self.weight_multipliers.learned(), weights)
            + count(self.bias_multipliers.learned(), self.outputs);
        Ok(Needs {
            values: (weights + self.outputs) * size_of::<T>(),
            learned: learned * size_of::<T>(),
            reads: Reads { bottoms: true, ..Reads::default() },
            ..Needs::default()
        })
    }

    fn build(&self, cpu: &Cpu, place: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        let (batch, inputs) = self.sizes(place)?;
        let outputs = self.outputs;
        let (name, shape) = (place.param("weights"), [outputs, inputs]);
        let values = self.weights.values(&name, &shape, place.seed)?;
        let weights = Param::new(cpu, name, &shape, &values, self.weight_multipliers)?;
        let name = place.param("bias");
        let values = self.bias.values(&name, &[outputs], place.seed)?;
        let bias = Param::new(cpu, name, &[outputs], &values, self.bias_multipliers)?;
        Ok(Box::new(Layer { batch, inputs, outputs, params: [weights, bias] }))
    }
}

struct Layer<T: Number> {
    batch: usize,
    inputs: usize,
    outputs: usize,
    params: [Param<T>; 2],
}

impl<T: Number> NetLayer<T> for Layer<T> {
    /// `y = x * weights^T + bias`
    fn forward(&mut self, _: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let [weights, bias] = &self.params;
        let left = Matrix::new(pass.bottoms[0], self.batch, self.inputs);
        let right = Matrix::new(weights.values(), self.outputs, self.inputs).transposed();
        let top = &mut pass.tops[0];
        multiply(left, right, T::zero(), top);
        for row in top.chunks_exact_mut(self.outputs) {
            row.iter_mut().zip(bias.values()).for_each(|(value, &bias)| *value += bias);
        }
        Ok(())
    }

    /// `dweights = dy^T * x;  dbias = the sum of dy;  dx = dy * weights`
    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        let top = pass.top_diffs[0];
        let upstream = Matrix::new(top, self.batch, self.outputs);
        let [weights, bias] = &mut self.params;
        let (values, dweights) = weights.parts();
        if let Some(dweights) = dweights {
            let right = Matrix::new(pass.bottoms[0], self.batch, self.inputs);
            multiply(upstream.transposed(), right, T::zero(), dweights);
        }
        if let Some(dbias) = bias.parts().1 {
            for (output, sum) in dbias.iter_mut().enumerate() {
                let column = top.iter().skip(output).step_by(self.outputs);
                *sum = T::from_f64(column.map(|&value| Element::to_f64(value)).sum());
            }
        }
        if let Some(bottom) = &mut pass.bottom_diffs[0] {
            let right = Matrix::new(values, self.outputs, self.inputs);
            multiply(upstream, right, T::zero(), bottom);
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
