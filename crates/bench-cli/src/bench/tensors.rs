//! The host's tensors: what a network holds besides the saved state.

use prelu_mem_core::{Element, Error, GradSlot, SharedBuffer};

use super::target::Layer;
use super::tile::Tile;
use super::way::Pass;
use crate::device::Device;
use crate::failure::Failure;
use crate::options::gradients::Gradients;

/// Activations, gradients and slope gradients of every layer, and the tiles that refill them.
pub(super) struct Tensors<B: Device, T: Element> {
    backend: B,
    gradients: Gradients,
    inputs: Tile<B, T>,
    upstream: Tile<B, T>,
    /// By layer: `x`, then `y`.
    pub(super) activations: Vec<B::Buffer<T>>,
    /// For every layer's stash, where a strategy has any.
    shared: Option<SharedBuffer<B, T>>,
    /// By layer; empty where gradients are transient and it is not their time.
    pub(super) slots: Vec<GradSlot<B, T>>,
    /// By layer: one sum per slope.
    pub(super) slope_gradients: Vec<B::Buffer<f64>>,
    /// Elements of the largest layer.
    longest: usize,
}

impl<B: Device, T: Element> Tensors<B, T> {
    /// Allocates what stays allocated.
    pub(super) fn new(
        backend: &B,
        layers: &[Layer<T>],
        shared: Option<SharedBuffer<B, T>>,
        (gradients, seed): (Gradients, u64),
    ) -> Result<Self, Failure> {
        let longest = layers.iter().map(|layer| layer.geometry.len()).max().unwrap_or(1);
        let mut tensors = Self {
            backend: backend.clone(),
            gradients,
            inputs: Tile::new(backend, seed, longest)?,
            upstream: Tile::new(backend, seed.wrapping_add(1), longest)?,
            activations: Vec::new(),
            shared,
            slots: Vec::new(),
            slope_gradients: Vec::new(),
            longest,
        };
        for layer in layers {
            let (elements, slopes) = (layer.geometry.len(), layer.geometry.slopes());
            tensors.activations.push(backend.alloc(elements)?);
            tensors.slope_gradients.push(backend.alloc(slopes)?);
            tensors.slots.push(match gradients {
                Gradients::Resident => GradSlot::new(backend.alloc(elements)?),
                Gradients::Transient => GradSlot::none(),
            });
        }
        // Fresh memory is not resident until it is written: no subject is to be the first.
        if gradients == Gradients::Resident {
            for layer in 0..layers.len() {
                tensors.refill_upstream(layer)?;
            }
        }
        Ok(tensors)
    }

    /// Gives back what was freed of the host's memory.
    pub(super) fn release_freed(&self) -> Result<(), Error> {
        self.backend.release_freed()
    }

    /// Keeps the device from waiting for the program in the next pass over all layers.
    pub(super) fn lead(&self) -> Result<(), Error> {
        self.backend.lead(self.activations.len(), self.longest * size_of::<T>())
    }

    /// Writes a layer's pre-activation, as the layer before it would.
    pub(super) fn refill_input(&mut self, layer: usize) -> Result<(), Error> {
        let activation = &mut self.activations[layer];
        let elements = B::len(activation);
        self.inputs.fill(&self.backend, activation, elements)
    }

    /// What one layer's passes work on.
    pub(super) fn pass(&mut self, layer: usize) -> Pass<'_, B, T> {
        Pass {
            x: &mut self.activations[layer],
            slot: &mut self.slots[layer],
            shared: self.shared.as_ref(),
            upstream: &self.upstream,
            sums: &mut self.slope_gradients[layer],
        }
    }

    /// Writes a layer's upstream gradient, as the layer behind it would, into memory of its own where gradients are
    /// transient.
    pub(super) fn refill_upstream(&mut self, layer: usize) -> Result<(), Error> {
        let backend = self.backend.clone();
        let mut pass = self.pass(layer);
        let elements = pass.elements();
        pass.ensure_gradient(&backend)?;
        self.upstream.fill(&backend, self.slots[layer].get_mut()?, elements)
    }

    /// Frees a layer's gradient where gradients are transient.
    pub(super) fn release_gradient(&mut self, layer: usize) {
        if self.gradients == Gradients::Transient {
            self.slots[layer] = GradSlot::none();
        }
    }
}
