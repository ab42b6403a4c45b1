//! The two passes, by the strategy asked for.

use prelu_mem_core::strategy::PlanInfo;
use prelu_mem_core::{Channel, Error, Footprint, GradSlot, Layer, SharedBuffer, Slopes, Strategy};
use prelu_mem_registry::{StrategyName, Visitor};

use super::ApplyOptions;
use super::arrays::Arrays;
use crate::device::{Device, Runs};
use crate::failure::Failure;
use crate::npy::Number;

/// What the passes left besides the arrays.
pub(super) struct Passed {
    /// One sum per slope; none for frozen slopes.
    pub(super) slope_gradient: Option<Vec<f64>>,
    /// What waited between the passes.
    pub(super) saved: Saved,
}

/// What waited between the passes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Saved {
    /// The strategy that saved it.
    pub(super) strategy: StrategyName,
    /// What it predicted.
    pub(super) footprint: Footprint,
    /// Bytes the backend counted between the passes.
    pub(super) allocated_bytes: usize,
    /// Slopes whose channel is derived, encoded, kept.
    pub(super) channels: [usize; 3],
}

/// Makes the input the output and the upstream gradient the input gradient.
pub(super) fn run<B: Runs<T>, T: Number>(
    options: &ApplyOptions,
    backend: &B,
    mut arrays: Arrays<T>,
) -> Result<(Passed, Arrays<T>), Failure> {
    let slopes = std::mem::take(&mut arrays.slopes);
    let slopes = if options.frozen { Slopes::frozen(slopes) } else { Slopes::learned(slopes) };
    let passes = Passes { name: options.strategy, backend, slopes, arrays: &mut arrays };
    match prelu_mem_registry::with(options.strategy, passes) {
        Ok(passed) => Ok((passed, arrays)),
        Err(error) => Err(Failure::of(&options.strategy, &error)),
    }
}

struct Passes<'a, B, T> {
    name: StrategyName,
    backend: &'a B,
    slopes: Slopes<T>,
    arrays: &'a mut Arrays<T>,
}

impl<B: Device, T: Number> Visitor<B, T> for Passes<'_, B, T> {
    type Output = Result<Passed, Error>;

    fn visit<S: Strategy<B, T>>(self, strategy: S) -> Self::Output {
        let Self { name, backend, slopes, arrays } = self;
        let learned = slopes.is_learned();
        let plan = strategy.plan(&arrays.geometry, &slopes)?;
        let footprint = strategy.footprint(backend, &plan);
        let count = |class| plan.classes().iter().filter(|&&other| other == class).count();
        let channels = [Channel::Derived, Channel::Encoded, Channel::Kept].map(count);

        let mut layer = Layer::new(backend.clone(), strategy, slopes)?;
        // Only a strategy that lends needs a gradient buffer and, later, the buffer it moves to.
        let borrowed = if footprint.lent_bytes > 0 { arrays.input.len() } else { 0 };
        let mut slot = GradSlot::new(backend.alloc(borrowed)?);
        let shared = SharedBuffer::new(backend.alloc(borrowed)?);
        let Arrays { input, upstream, geometry, .. } = arrays;
        let allocated_bytes = backend.change(input, |mut x| {
            let before = backend.live_bytes();
            let saved = layer.forward(geometry, B::reborrow(&mut x), &mut slot)?;
            let allocated_bytes = backend.live_bytes() - before;
            let ready = layer.vacate(saved, &mut slot, Some(&shared))?;
            let output = footprint.needs_output.then(|| B::as_view(&x));
            backend.change(upstream, |grad| Ok(layer.backward(ready, output, grad)?))?;
            Ok(allocated_bytes)
        })?;

        let sums = layer.slope_gradient();
        Ok(Passed {
            slope_gradient: if learned { Some(backend.download(sums)?) } else { None },
            saved: Saved { strategy: name, footprint, allocated_bytes, channels },
        })
    }
}
