//! The run itself: epoch after epoch, until it is done or a stop is asked for.

use std::time::Instant;

use prelu_mem_core::Cpu;
use prelu_mem_net::plan::MemoryPlan;
use prelu_mem_net::train::{Epoch, LearnedSlopes, Training};
use prelu_mem_net::{NetError, Number};

use crate::bench::progress::Progress;
use crate::failure::Failure;

/// One finished epoch.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    pub(super) epoch: Epoch,
    /// Of training and testing.
    pub(super) seconds: f64,
    /// The memory of its first step, for the slopes it began with.
    pub(super) planned: MemoryPlan,
    /// The most bytes at once in its first step.
    pub(super) counted_bytes: usize,
    /// The most bytes at once in the whole epoch: slopes change with every step.
    pub(super) most_bytes: usize,
}

impl Finished {
    /// Whether the first step took exactly what was planned for it.
    pub(super) fn as_planned(&self) -> bool {
        self.planned.peak_bytes() == self.counted_bytes
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) epochs: Vec<Finished>,
    pub(super) slopes: Vec<LearnedSlopes>,
    /// The epoch in which the loss was no longer finite.
    pub(super) diverged: Option<usize>,
}

/// Trains until epoch `last`, or until `stop` says so after an epoch. `saved` is called after every
/// epoch whose losses are finite.
pub(super) fn run<T: Number>(
    cpu: &Cpu,
    training: &mut Training<T>,
    last: usize,
    stop: impl Fn() -> bool,
    mut saved: impl FnMut(&Training<T>) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    let failed = |error: NetError| Failure::Run(error.to_string());
    let progress = Progress::start();
    let (first, steps) = (training.epochs_done(), training.steps());
    let all_steps = (steps * (last - first)) as f64;
    let mut outcome = Outcome { epochs: Vec::new(), slopes: Vec::new(), diverged: None };
    while training.epochs_done() < last && outcome.diverged.is_none() && !stop() {
        let (number, before) = (training.epochs_done() + 1, steps * outcome.epochs.len());
        let planned = training.plan().map_err(failed)?;
        let (begin, mut step, mut counted_bytes) = (Instant::now(), 0, 0);
        cpu.memory().reset_peak();
        let epoch = training.epoch(|loss| {
            if step == 0 {
                counted_bytes = cpu.memory().peak_bytes();
            }
            step += 1;
            let share = (before + step) as f64 / all_steps;
            progress.show(format!("epoch {number} of {last}, loss {loss:.4}"), share);
        });
        let epoch = epoch.map_err(failed)?;
        if epoch.losses.iter().all(|loss| loss.is_finite()) {
            saved(training)?;
        } else {
            outcome.diverged = Some(number);
        }
        let seconds = begin.elapsed().as_secs_f64();
        let most_bytes = cpu.memory().peak_bytes();
        outcome.epochs.push(Finished { epoch, seconds, planned, counted_bytes, most_bytes });
    }
    outcome.slopes = training.slopes();
    Ok(outcome)
}
