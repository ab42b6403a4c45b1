//! The two passes, by the strategy asked for.

use prelu_mem_core::strategy::PlanInfo;
use prelu_mem_core::{
    Backend, Channel, Cpu, Error, Footprint, GradSlot, Layer, SharedBuffer, Slopes, Strategy,
};
use prelu_mem_registry::{StrategyName, Visitor};

use super::ApplyOptions;
use super::arrays::Arrays;
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
pub(super) fn run<T: Number>(
    options: &ApplyOptions,
    cpu: &Cpu,
    mut arrays: Arrays<T>,
) -> Result<(Passed, Arrays<T>), Failure> {
    let slopes = std::mem::take(&mut arrays.slopes);
    let slopes = if options.frozen { Slopes::frozen(slopes) } else { Slopes::learned(slopes) };
    let passes = Passes { name: options.strategy, cpu, slopes, arrays: &mut arrays };
    match prelu_mem_registry::with(options.strategy, passes) {
        Ok(passed) => Ok((passed, arrays)),
        Err(error) => Err(Failure::Run(format!("{}: {error}", options.strategy))),
    }
}

struct Passes<'a, T> {
    name: StrategyName,
    cpu: &'a Cpu,
    slopes: Slopes<T>,
    arrays: &'a mut Arrays<T>,
}

impl<T: Number> Visitor<Cpu, T> for Passes<'_, T> {
    type Output = Result<Passed, Error>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        let Self { name, cpu, slopes, arrays } = self;
        let learned = slopes.is_learned();
        let plan = strategy.plan(&arrays.geometry, &slopes)?;
        let footprint = strategy.footprint(cpu, &plan);
        let count = |class| plan.classes().iter().filter(|&&other| other == class).count();
        let channels = [Channel::Derived, Channel::Encoded, Channel::Kept].map(count);

        let mut layer = Layer::new(cpu.clone(), strategy, slopes)?;
        // Only a strategy that lends needs a gradient buffer and, later, the buffer it moves to.
        let borrowed = if footprint.lent_bytes > 0 { arrays.input.len() } else { 0 };
        let mut slot = GradSlot::new(cpu.alloc(borrowed)?);
        let shared = SharedBuffer::new(cpu.alloc(borrowed)?);
        let before = cpu.memory().live_bytes();
        let saved = layer.forward(&arrays.geometry, &mut arrays.input, &mut slot)?;
        let allocated_bytes = cpu.memory().live_bytes() - before;
        let ready = layer.vacate(saved, &mut slot, Some(&shared))?;
        let output = footprint.needs_output.then_some(&arrays.input[..]);
        layer.backward(ready, output, &mut arrays.upstream)?;

        Ok(Passed {
            slope_gradient: learned.then(|| layer.slope_gradient().to_vec()),
            saved: Saved { strategy: name, footprint, allocated_bytes, channels },
        })
    }
}
