//! One strategy on every layer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prelu_mem_core::{Cpu, Element, Error, Footprint, Strategy};
use prelu_mem_diff_stash::DiffStash;
use prelu_mem_registry::{StrategyName, Visitor};

use super::target::Layer;
use super::tensors::Tensors;
use super::way::{Direct, Pass, Vacate, Way};
use crate::failure::Failure;
use crate::options::hand_over::HandOver;

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

    /// How it hands its stashes over, if it has any.
    fn hand_over(&self) -> Option<HandOver>;

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

    /// One layer alone: `x` becomes `y`, the slot's buffer holds the input gradient, and the slope gradient is added to
    /// the sums.
    fn run_layer(
        &self,
        backend: &Cpu,
        layer: (usize, &Layer<T>),
        pass: Pass<'_, T>,
    ) -> Result<(), Failure>;
}

/// The strategy of this name, ready for the layers. Only diff-stash has a hand-over to choose.
pub(super) fn prepare<T: Element>(
    name: StrategyName,
    hand_over: HandOver,
    layers: &[Layer<T>],
) -> Result<Box<dyn Subject<T>>, Failure> {
    match (name, hand_over) {
        (StrategyName::DiffStash, HandOver::Direct) => {
            Ok(Box::new(Runner::new(name, DiffStash, Direct, layers)?))
        }
        _ => prelu_mem_registry::with::<Cpu, T, _>(name, Prepare { name, layers }),
    }
}

struct Prepare<'a, T> {
    name: StrategyName,
    layers: &'a [Layer<T>],
}

impl<T: Element> Visitor<Cpu, T> for Prepare<'_, T> {
    type Output = Result<Box<dyn Subject<T>>, Failure>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        Ok(Box::new(Runner::new(self.name, strategy, Vacate, self.layers)?))
    }
}

struct Runner<S, W, P> {
    name: StrategyName,
    strategy: S,
    way: W,
    plans: Vec<Arc<P>>,
}

impl<S, W, P> Runner<S, W, P> {
    fn new<T: Element>(
        name: StrategyName,
        strategy: S,
        way: W,
        layers: &[Layer<T>],
    ) -> Result<Self, Failure>
    where
        S: Strategy<Cpu, T, Plan = P>,
    {
        let plan = |layer: &Layer<T>| {
            strategy
                .plan(&layer.geometry, &layer.slopes)
                .map_err(|error| Failure::Run(error.to_string()))
        };
        let plans = layers.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name, strategy, way, plans })
    }

    fn failed(&self, layer: usize, error: Error) -> Failure {
        Failure::Run(format!("{}, layer {} of {}: {error}", self.name, layer + 1, self.plans.len()))
    }

    fn forward<T: Element>(
        &self,
        backend: &Cpu,
        index: usize,
        pass: &mut Pass<'_, T>,
    ) -> Result<(S::Saved, Duration), Failure>
    where
        S: Strategy<Cpu, T, Plan = P>,
    {
        let plan = &self.plans[index];
        let lent = self.strategy.footprint(backend, plan).lent_bytes > 0;
        let start = Instant::now();
        // A transient gradient buffer is made this early for the stash alone: that is part of its price.
        let room = if lent { pass.ensure_gradient(backend) } else { Ok(()) };
        let saved = room.and_then(|()| self.strategy.forward(backend, plan, pass.x, pass.slot));
        let spent = start.elapsed();
        Ok((saved.map_err(|error| self.failed(index, error))?, spent))
    }
}

impl<T, S, W> Subject<T> for Runner<S, W, S::Plan>
where
    T: Element,
    S: Strategy<Cpu, T>,
    W: Way<T, S>,
{
    fn name(&self) -> StrategyName {
        self.name
    }

    fn hand_over(&self) -> Option<HandOver> {
        self.way.hand_over(self.name == StrategyName::DiffStash)
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
        let (mut forward, mut backward) = (Duration::ZERO, Duration::ZERO);
        let mut states = Vec::with_capacity(layers.len());
        for index in 0..layers.len() {
            tensors.refill_input(index);
            let (saved, spent) = self.forward(backend, index, &mut tensors.pass(index))?;
            forward += spent;
            states.push(saved);
        }
        between();
        for (index, saved) in states.into_iter().enumerate().rev() {
            let rule = (self.strategy, &layers[index].slopes);
            backward += self
                .way
                .backward(backend, rule, saved, tensors.pass(index))
                .map_err(|error| self.failed(index, error))?;
            tensors.release_gradient(index);
        }
        Ok(Step { forward: forward.as_secs_f64(), backward: backward.as_secs_f64() })
    }

    fn run_layer(
        &self,
        backend: &Cpu,
        (index, layer): (usize, &Layer<T>),
        mut pass: Pass<'_, T>,
    ) -> Result<(), Failure> {
        let (saved, _) = self.forward(backend, index, &mut pass)?;
        self.way
            .backward(backend, (self.strategy, &layer.slopes), saved, pass)
            .map(drop)
            .map_err(|error| self.failed(index, error))
    }
}
