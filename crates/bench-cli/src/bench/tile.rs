//! The random values that tensors are filled with, again and again.

use prelu_mem_core::{Element, Filler};

use crate::device::Device;
use crate::failure::Failure;

/// A prime, so that a tile's values do not line up with any channel.
const LENGTH: usize = 1_048_573;

/// Normal values, about half of them negative, in the device's memory.
pub(super) struct Tile<B: Device, T: Element>(B::Buffer<T>);

impl<B: Device, T: Element> Tile<B, T> {
    /// The values of this seed, for tensors of up to `longest` elements.
    pub(super) fn new(backend: &B, seed: u64, longest: usize) -> Result<Self, Failure> {
        let normal = Filler::Gaussian { mean: 0.0, std: 1.0 };
        let values: Vec<T> = normal.fill(&[longest.clamp(1, LENGTH)], seed)?;
        let mut tile = backend.reserve(values.len())?;
        backend.upload(&values, B::view_mut(&mut tile, values.len()))?;
        Ok(Self(tile))
    }

    /// Overwrites the first `len` elements of `tensor` with the tile, as often as it takes.
    pub(super) fn fill(
        &self,
        backend: &B,
        tensor: &mut B::Buffer<T>,
        len: usize,
    ) -> Result<(), prelu_mem_core::Error> {
        let pattern = B::view(&self.0, B::len(&self.0));
        backend.repeat(pattern, B::view_mut(tensor, len))
    }
}

#[cfg(test)]
mod tests {
    use prelu_mem_core::{Backend, Cpu};

    use super::*;

    #[test]
    fn every_element_is_written_and_half_are_negative() -> Result<(), Failure> {
        let cpu = Cpu::new(1)?;
        let tile = Tile::<Cpu, f32>::new(&cpu, 3, 2_500_000)?;
        let mut tensor = cpu.alloc(2_500_000)?;
        tensor.fill(f32::NAN);
        tile.fill(&cpu, &mut tensor, 2_500_000)?;
        assert!(tensor.iter().all(|value| value.is_finite()));
        let negative = tensor.iter().filter(|value| **value < 0.0).count() as f64 / 2.5e6;
        // Five standard errors of a million draws.
        assert!((negative - 0.5).abs() < 0.0025, "{negative}");
        Ok(())
    }
}
