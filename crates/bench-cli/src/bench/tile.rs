//! The random values that tensors are filled with, again and again.

use prelu_mem_core::{Element, Filler};

use crate::failure::Failure;

/// A prime, so that a tile's values do not line up with any channel.
const LENGTH: usize = 1_048_573;

/// Normal values, about half of them negative.
pub(crate) struct Tile<T>(Vec<T>);

impl<T: Element> Tile<T> {
    /// The values of this seed, for tensors of up to `longest` elements.
    pub(crate) fn new(seed: u64, longest: usize) -> Result<Self, Failure> {
        let normal = Filler::Gaussian { mean: 0.0, std: 1.0 };
        let values = normal.fill(&[longest.clamp(1, LENGTH)], seed);
        values.map(Self).map_err(|error| Failure::Run(error.to_string()))
    }

    /// Overwrites `tensor` with the tile, as often as it takes.
    pub(crate) fn fill(&self, tensor: &mut [T]) {
        for piece in tensor.chunks_mut(self.0.len()) {
            piece.copy_from_slice(&self.0[..piece.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_written_and_half_are_negative() -> Result<(), Failure> {
        let tile = Tile::<f32>::new(3, 2_500_000)?;
        let mut tensor = vec![f32::NAN; 2_500_000];
        tile.fill(&mut tensor);
        assert!(tensor.iter().all(|value| value.is_finite()));
        let negative = tensor.iter().filter(|value| **value < 0.0).count() as f64 / 2.5e6;
        // Five standard errors of a million draws.
        assert!((negative - 0.5).abs() < 0.0025, "{negative}");
        Ok(())
    }
}
