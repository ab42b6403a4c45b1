//! One strategy on every layer.

use std::sync::Arc;

use prelu_mem_core::{Element, Error, Footprint, Strategy};
use prelu_mem_diff_stash::DiffStash;
use prelu_mem_registry::{StrategyName, Visitor};

use super::target::Layer;
use super::tensors::Tensors;
use super::way::{Direct, Pass, Vacate, Way};
use crate::device::{Device, Runs, Stopwatch};
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
pub(super) trait Subject<B: Device, T: Element> {
    /// Its name.
    fn name(&self) -> StrategyName;

    /// How it hands its stashes over, if it has any.
    fn hand_over(&self) -> Option<HandOver>;

    /// What it needs, by layer.
    fn footprints(&self, backend: &B) -> Vec<Footprint>;

    /// One forward and one backward pass over all layers. `between` is called while every saved state is alive.
    fn step(
        &self,
        backend: &B,
        layers: &[Layer<T>],
        tensors: &mut Tensors<B, T>,
        between: &mut dyn FnMut(),
    ) -> Result<Step, Failure>;

    /// One layer alone: `x` becomes `y`, the slot's buffer holds the input gradient, and the slope gradient is added to
    /// the sums.
    fn run_layer(
        &self,
        backend: &B,
        layer: (usize, &Layer<T>),
        pass: Pass<'_, B, T>,
    ) -> Result<(), Failure>;
}

/// The strategy of this name, ready for the layers. Only diff-stash has a hand-over to choose.
pub(super) fn prepare<B: Runs<T>, T: Element>(
    name: StrategyName,
    hand_over: HandOver,
    layers: &[Layer<T>],
) -> Result<Box<dyn Subject<B, T>>, Failure> {
    match (name, hand_over) {
        (StrategyName::DiffStash, HandOver::Direct) => {
            Ok(Box::new(Runner::new::<B, T>(name, DiffStash, Direct, layers)?))
        }
        _ => prelu_mem_registry::with::<B, T, _>(name, Prepare { name, layers }),
    }
}

struct Prepare<'a, T> {
    name: StrategyName,
    layers: &'a [Layer<T>],
}

impl<B: Device, T: Element> Visitor<B, T> for Prepare<'_, T> {
    type Output = Result<Box<dyn Subject<B, T>>, Failure>;

    fn visit<S: Strategy<B, T>>(self, strategy: S) -> Self::Output {
        Ok(Box::new(Runner::new::<B, T>(self.name, strategy, Vacate, self.layers)?))
    }
}

struct Runner<S, W, P> {
    name: StrategyName,
    strategy: S,
    way: W,
    plans: Vec<Arc<P>>,
}

impl<S, W, P> Runner<S, W, P> {
    fn new<B: Device, T: Element>(
        name: StrategyName,
        strategy: S,
        way: W,
        layers: &[Layer<T>],
    ) -> Result<Self, Failure>
    where
        S: Strategy<B, T, Plan = P>,
    {
        let plan =
            |layer: &Layer<T>| strategy.plan(&layer.geometry, &layer.slopes).map_err(Failure::from);
        let plans = layers.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name, strategy, way, plans })
    }

    fn failed(&self, layer: usize, error: Error) -> Failure {
        let layers = self.plans.len();
        Failure::of(&format_args!("{}, layer {} of {layers}", self.name, layer + 1), &error)
    }

    fn forward<B: Device, T: Element>(
        &self,
        backend: &B,
        index: usize,
        pass: &mut Pass<'_, B, T>,
        watch: &mut B::Stopwatch,
    ) -> Result<S::Saved, Failure>
    where
        S: Strategy<B, T, Plan = P>,
    {
        let (plan, elements) = (&self.plans[index], pass.elements());
        let lent = self.strategy.footprint(backend, plan).lent_bytes > 0;
        let saved = watch.run(|| {
            // A transient gradient buffer is made this early for the stash alone: that is part of its price.
            if lent {
                pass.ensure_gradient(backend)?;
            }
            self.strategy.forward(backend, plan, B::view_mut(pass.x, elements), pass.slot)
        });
        saved.map_err(|error| self.failed(index, error))
    }
}

impl<B, T, S, W> Subject<B, T> for Runner<S, W, S::Plan>
where
    B: Device,
    T: Element,
    S: Strategy<B, T>,
    W: Way<B, T, S>,
{
    fn name(&self) -> StrategyName {
        self.name
    }

    fn hand_over(&self) -> Option<HandOver> {
        self.way.hand_over(self.name == StrategyName::DiffStash)
    }

    fn footprints(&self, backend: &B) -> Vec<Footprint> {
        self.plans.iter().map(|plan| self.strategy.footprint(backend, plan)).collect()
    }

    fn step(
        &self,
        backend: &B,
        layers: &[Layer<T>],
        tensors: &mut Tensors<B, T>,
        between: &mut dyn FnMut(),
    ) -> Result<Step, Failure> {
        let (mut forward, mut backward) = (backend.stopwatch(), backend.stopwatch());
        let mut states = Vec::with_capacity(layers.len());
        tensors.lead()?;
        for index in 0..layers.len() {
            tensors.refill_input(index)?;
            let mut pass = tensors.pass(index);
            states.push(self.forward(backend, index, &mut pass, &mut forward)?);
        }
        between();
        tensors.lead()?;
        for (index, saved) in states.into_iter().enumerate().rev() {
            let rule = (self.strategy, &layers[index].slopes);
            self.way
                .backward(backend, rule, saved, tensors.pass(index), &mut backward)
                .map_err(|error| self.failed(index, error))?;
            tensors.release_gradient(index);
        }
        Ok(Step { forward: forward.seconds()?, backward: backward.seconds()? })
    }

    fn run_layer(
        &self,
        backend: &B,
        (index, layer): (usize, &Layer<T>),
        mut pass: Pass<'_, B, T>,
    ) -> Result<(), Failure> {
        let mut watch = backend.stopwatch();
        let saved = self.forward(backend, index, &mut pass, &mut watch)?;
        self.way
            .backward(backend, (self.strategy, &layer.slopes), saved, pass, &mut watch)
            .map_err(|error| self.failed(index, error))
    }
}
