//! The host's tensors: what a network holds besides the saved state.

use prelu_mem_core::cpu::Buffer;
use prelu_mem_core::{Backend, Cpu, Element, Error, GradSlot, SharedBuffer};

use super::target::Layer;
use super::tile::Tile;
use super::way::Pass;
use crate::failure::Failure;
use crate::options::gradients::Gradients;

/// Activations, gradients and slope gradients of every layer, and the tiles that refill them.
pub(super) struct Tensors<T: Element> {
    backend: Cpu,
    gradients: Gradients,
    inputs: Tile<T>,
    upstream: Tile<T>,
    /// By layer: `x`, then `y`.
    pub(super) activations: Vec<Buffer<T>>,
    /// For every layer's stash, where a strategy has any.
    shared: Option<SharedBuffer<Cpu, T>>,
    /// By layer; empty where gradients are transient and it is not their time.
    pub(super) slots: Vec<GradSlot<Cpu, T>>,
    /// By layer: one sum per slope.
    pub(super) slope_gradients: Vec<Buffer<f64>>,
}

impl<T: Element> Tensors<T> {
    /// Allocates what stays allocated.
    pub(super) fn new(
        backend: &Cpu,
        layers: &[Layer<T>],
        shared: Option<SharedBuffer<Cpu, T>>,
        (gradients, seed): (Gradients, u64),
    ) -> Result<Self, Failure> {
        let longest = layers.iter().map(|layer| layer.geometry.len()).max().unwrap_or(1);
        let mut tensors = Self {
            backend: backend.clone(),
            gradients,
            inputs: Tile::new(seed, longest)?,
            upstream: Tile::new(seed.wrapping_add(1), longest)?,
            activations: Vec::new(),
            shared,
            slots: Vec::new(),
            slope_gradients: Vec::new(),
        };
        let refused = |error: Error| Failure::Run(error.to_string());
        for layer in layers {
            let (elements, slopes) = (layer.geometry.len(), layer.geometry.slopes());
            tensors.activations.push(backend.alloc(elements).map_err(refused)?);
            tensors.slope_gradients.push(backend.alloc(slopes).map_err(refused)?);
            tensors.slots.push(match gradients {
                Gradients::Resident => GradSlot::new(backend.alloc(elements).map_err(refused)?),
                Gradients::Transient => GradSlot::none(),
            });
        }
        // Fresh memory is not resident until it is written: no subject is to be the first.
        if gradients == Gradients::Resident {
            for layer in 0..layers.len() {
                tensors.refill_upstream(layer).map_err(refused)?;
            }
        }
        Ok(tensors)
    }

    /// Gives back what was freed of the host's memory.
    pub(super) fn release_freed(&self) {
        self.backend.memory().release();
    }

    /// Writes a layer's pre-activation, as the layer before it would.
    pub(super) fn refill_input(&mut self, layer: usize) {
        self.inputs.fill(&mut self.activations[layer]);
    }

    /// What one layer's passes work on.
    pub(super) fn pass(&mut self, layer: usize) -> Pass<'_, T> {
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
        self.pass(layer).ensure_gradient(&backend)?;
        self.upstream.fill(self.slots[layer].get_mut()?);
        Ok(())
    }

    /// Frees a layer's gradient where gradients are transient.
    pub(super) fn release_gradient(&mut self, layer: usize) {
        if self.gradients == Gradients::Transient {
            self.slots[layer] = GradSlot::none();
        }
    }
}
