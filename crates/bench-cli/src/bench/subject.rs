//! One strategy on every layer.

use std::sync::Arc;
use std::time::Instant;

use prelu_mem_core::{Cpu, Element, Error, Footprint, GradSlot, Strategy};
use prelu_mem_registry::{StrategyName, Visitor};

use super::target::Layer;
use super::tensors::Tensors;
use super::tile::Tile;
use crate::failure::Failure;

/// Seconds that one forward and one backward pass over all layers took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Forward.
    pub(super) forward: f64,
    /// Backward, with the hand-over of a lent saved state.
    pub(super) backward: f64,
}

/// A strategy that is ready to run, whatever its types.
pub(super) trait Subject<T: Element> {
    /// Its name.
    fn name(&self) -> StrategyName;

    /// What it needs, by layer.
    fn footprints(&self, backend: &Cpu) -> Vec<Footprint>;

    /// One forward and one backward pass over all layers. `between` is called while every saved state is alive.
    fn step(
        &self,
        backend: &Cpu,
        layers: &[Layer<T>],
        tensors: &mut Tensors<T>,
        between: &mut dyn FnMut(),
    ) -> Result<Step, Failure>;

    /// One layer alone: `x` becomes `y`, and the slot's buffer holds the input gradient for an upstream gradient from
    /// the tile. Returns the slope gradient.
    fn run_layer(
        &self,
        backend: &Cpu,
        layer: (usize, &Layer<T>),
        x: &mut [T],
        slot: &mut GradSlot<Cpu, T>,
        upstream: &Tile<T>,
    ) -> Result<Vec<f64>, Failure>;
}

/// Makes the subject for the strategy that the registry names.
pub(super) struct Prepare<'a, T> {
    /// The name that is visited.
    pub(super) name: StrategyName,
    /// The layers to plan for.
    pub(super) layers: &'a [Layer<T>],
}

impl<T: Element> Visitor<Cpu, T> for Prepare<'_, T> {
    type Output = Result<Box<dyn Subject<T>>, Failure>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        let plan = |layer: &Layer<T>| {
            strategy
                .plan(&layer.geometry, &layer.slopes)
                .map_err(|error| Failure::Run(error.to_string()))
        };
        let plans = self.layers.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(Runner { name: self.name, strategy, plans }))
    }
}

struct Runner<S, P> {
    name: StrategyName,
    strategy: S,
    plans: Vec<Arc<P>>,
}

impl<S, P> Runner<S, P> {
    fn failed(&self, layer: usize, error: Error) -> Failure {
        Failure::Run(format!("{}, layer {} of {}: {error}", self.name, layer + 1, self.plans.len()))
    }
}

impl<T: Element, S: Strategy<Cpu, T>> Subject<T> for Runner<S, S::Plan> {
    fn name(&self) -> StrategyName {
        self.name
    }

    fn footprints(&self, backend: &Cpu) -> Vec<Footprint> {
        self.plans.iter().map(|plan| self.strategy.footprint(backend, plan)).collect()
    }

    fn step(
        &self,
        backend: &Cpu,
        layers: &[Layer<T>],
        tensors: &mut Tensors<T>,
        between: &mut dyn FnMut(),
    ) -> Result<Step, Failure> {
        let mut step = Step { forward: 0.0, backward: 0.0 };
        let mut states = Vec::with_capacity(layers.len());
        for (index, plan) in self.plans.iter().enumerate() {
            tensors.refill_input(index);
            let (x, slot) = (&mut tensors.activations[index], &mut tensors.slots[index]);
            let start = Instant::now();
            let saved = self.strategy.forward(backend, plan, x, slot);
            step.forward += start.elapsed().as_secs_f64();
            states.push(saved.map_err(|error| self.failed(index, error))?);
        }
        between();
        for (index, saved) in states.into_iter().enumerate().rev() {
            let failed = |error| self.failed(index, error);
            let start = Instant::now();
            let ready = self.strategy.vacate(backend, saved, &mut tensors.slots[index], None);
            step.backward += start.elapsed().as_secs_f64();
            let ready = ready.map_err(|refused| failed(refused.error))?;

            tensors.refill_upstream(index).map_err(failed)?;
            let output = &tensors.activations[index][..];
            let grad = tensors.slots[index].get_mut().map_err(failed)?;
            let sums = &mut tensors.slope_gradients[index];
            let start = Instant::now();
            let done = self.strategy.backward(
                backend,
                &layers[index].slopes,
                ready,
                Some(output),
                grad,
                Some(sums),
            );
            step.backward += start.elapsed().as_secs_f64();
            done.map_err(|refused| failed(refused.error))?;
            tensors.release_gradient(index);
        }
        Ok(step)
    }

    fn run_layer(
        &self,
        backend: &Cpu,
        (index, layer): (usize, &Layer<T>),
        x: &mut [T],
        slot: &mut GradSlot<Cpu, T>,
        upstream: &Tile<T>,
    ) -> Result<Vec<f64>, Failure> {
        let failed = |error| self.failed(index, error);
        let mut sums = vec![0.0; layer.geometry.slopes()];
        let saved = self.strategy.forward(backend, &self.plans[index], x, slot).map_err(failed)?;
        let ready = self
            .strategy
            .vacate(backend, saved, slot, None)
            .map_err(|refused| failed(refused.error))?;
        let grad = slot.get_mut().map_err(failed)?;
        upstream.fill(grad);
        self.strategy
            .backward(backend, &layer.slopes, ready, Some(x), grad, Some(&mut sums))
            .map_err(|refused| failed(refused.error))?;
        Ok(sums)
    }
}
