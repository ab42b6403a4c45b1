//! A network's training step at any batch, and the largest batch that fits.

use prelu_mem_core::{Cpu, Element, Geometry, Slopes};
use prelu_mem_net::plan::MemoryPlan;
use prelu_mem_net::stack::{self, StackLayer};
use prelu_mem_registry::StrategyName;

use crate::bench::need;
use crate::bench::target::Target;
use crate::failure::Failure;
use crate::machine;
use crate::options::device;
use crate::options::gradients::Gradients;
use crate::units::mebibytes;

/// Activations of this many bytes leave room for everything else in a sum of 64 bits.
const MOST_BYTES: usize = 1 << 56;

/// The network, to be planned at any batch.
pub(crate) struct Planner<T> {
    cpu: Cpu,
    pub(super) batch: usize,
    /// Each layer's geometry for one image, and its slopes.
    layers: Vec<(Geometry, Slopes<T>)>,
    shapes: Vec<Vec<usize>>,
    bytes_per_image: usize,
}

impl<T: Element> Planner<T> {
    /// At the batch of `target`, or any other.
    pub(crate) fn new(target: &Target) -> Result<Self, Failure> {
        let batch = target.batch().unwrap_or(1);
        target.geometries(&target.shapes(None))?;
        let shapes = target.shapes(Some(1));
        let geometries = target.geometries(&shapes)?;
        let sizes = geometries.iter().map(|geometry| geometry.len().checked_mul(size_of::<T>()));
        let all = sizes.reduce(|sum, size| sum?.checked_add(size?)).flatten();
        let bytes_per_image =
            all.filter(|bytes| bytes.checked_mul(batch).is_some_and(|bytes| bytes <= MOST_BYTES));
        let Some(bytes_per_image) = bytes_per_image else {
            return Err(Failure::Usage(format!(
                "a batch of {batch} makes activations of more than 65536 TiB; give a smaller one"
            )));
        };
        // The tables of the channels are the one thing here that is as large as the network says.
        let (tables, free) = (need::tables(&geometries, 1), machine::free_memory()?);
        if tables > free {
            return Err(Failure::Run(format!(
                "planning so many slopes needs {} MiB of memory and {} MiB are free",
                mebibytes(tables),
                mebibytes(free)
            )));
        }
        let layers = target.layers::<T>(shapes.clone())?;
        let layers = layers.into_iter().map(|layer| (layer.geometry, layer.slopes)).collect();
        Ok(Self { cpu: device::processor(Some(1))?, batch, layers, shapes, bytes_per_image })
    }

    /// One training step.
    pub(super) fn plan(
        &self,
        strategy: StrategyName,
        gradients: Gradients,
        batch: usize,
    ) -> Result<MemoryPlan, Failure> {
        let refused = |error: &dyn std::fmt::Display| Failure::Run(format!("{strategy}: {error}"));
        let mut prelus = Vec::with_capacity(self.layers.len());
        for ((image, slopes), shape) in self.layers.iter().zip(&self.shapes) {
            let mut shape = shape.clone();
            shape[0] = batch;
            let geometry = Geometry::from_shape(&shape, 1, image.sharing());
            prelus
                .push(StackLayer { geometry: geometry.map_err(|error| refused(&error))?, slopes });
        }
        let gradients = match gradients {
            Gradients::Resident => prelu_mem_net::Gradients::Resident,
            Gradients::Transient => prelu_mem_net::Gradients::Transient,
        };
        stack::plan(&prelus, strategy, &self.cpu, gradients).map_err(|error| refused(&error))
    }

    /// The largest batch whose step fits `budget` bytes; 0 if none does.
    pub(crate) fn largest(
        &self,
        strategy: StrategyName,
        gradients: Gradients,
        budget: u64,
    ) -> usize {
        // Every activation is alive at once, so that this many do not fit.
        let failing = (budget / self.bytes_per_image as u64) as usize + 1;
        let fits = |batch| {
            self.plan(strategy, gradients, batch)
                .is_ok_and(|plan| plan.peak_bytes() as u64 <= budget)
        };
        need::largest(failing, fits).unwrap_or(0)
    }
}
