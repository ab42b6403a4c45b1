//! Softmax and the cross-entropy with the labels, averaged over the batch.

use prelu_mem_core::{Cpu, Element};

use crate::error::{NetError, Result};
use crate::layer::{Backward, Describe, Forward, Needs, NetLayer, Place, Reads};
use crate::number::Number;

/// `loss = mean over the images of -log softmax(scores)[label]`, for scores of shape (N, classes).
/// Backward reads the scores again: no probabilities are saved.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoftmaxWithLoss;

fn sizes(place: Place<'_>) -> Result<(usize, usize)> {
    match *place.bottom()? {
        [batch, classes] => Ok((batch, classes)),
        ref shape => {
            Err(place
                .refuse(format!("expected scores of 2 axes (N, classes), got shape {shape:?}")))
        }
    }
}

impl<T: Number> Describe<T> for SoftmaxWithLoss {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        sizes(place).map(|_| Vec::new())
    }

    fn needs(&self, _: &Cpu, _: Place<'_>) -> Result<Needs> {
        Ok(Needs { reads: Reads { bottoms: true, ..Reads::default() }, ..Needs::default() })
    }

    fn build(&self, _: &Cpu, place: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        Ok(Box::new(Layer { classes: sizes(place)?.1 }))
    }

    fn is_loss(&self) -> bool {
        true
    }
}

struct Layer {
    classes: usize,
}

impl Layer {
    fn check(&self, labels: &[u32]) -> Result<()> {
        match labels.iter().find(|&&label| label as usize >= self.classes) {
            Some(&label) => Err(NetError::Label { label, classes: self.classes }),
            None => Ok(()),
        }
    }
}

/// The largest score, and the sum of `exp(score - largest)`, in f64.
fn normaliser<T: Number>(scores: &[T]) -> (f64, f64) {
    let scores = || scores.iter().map(|&score| Element::to_f64(score));
    let largest = scores().fold(f64::NEG_INFINITY, f64::max);
    (largest, scores().map(|score| (score - largest).exp()).sum())
}

impl<T: Number> NetLayer<T> for Layer {
    fn forward(&mut self, _: &Cpu, pass: Forward<'_, T>) -> Result<()> {
        if !pass.training {
            return Ok(());
        }
        self.check(pass.labels)?;
        let rows = pass.bottoms[0].chunks_exact(self.classes).zip(pass.labels);
        let loss = |(scores, &label): (&[T], &u32)| {
            let (largest, sum) = normaliser(scores);
            sum.ln() - (Element::to_f64(scores[label as usize]) - largest)
        };
        *pass.loss = rows.map(loss).sum::<f64>() / pass.labels.len() as f64;
        Ok(())
    }

    fn backward(&mut self, _: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        self.check(pass.labels)?;
        let Some(bottom) = &mut pass.bottom_diffs[0] else { return Ok(()) };
        let batch = pass.labels.len() as f64;
        let rows = bottom.chunks_exact_mut(self.classes);
        let scores = pass.bottoms[0].chunks_exact(self.classes);
        for ((row, scores), &label) in rows.zip(scores).zip(pass.labels) {
            let (largest, sum) = normaliser(scores);
            for (class, (to, &score)) in row.iter_mut().zip(scores).enumerate() {
                let probability = (Element::to_f64(score) - largest).exp() / sum;
                let target = if class == label as usize { 1.0 } else { 0.0 };
                *to = T::from_f64((probability - target) / batch);
            }
        }
        Ok(())
    }
}
