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
    /// Why the run ended early: an epoch or its saving failed.
    pub(super) failed: Option<Failure>,
}

/// Trains until epoch `last`, until `stop` says so after an epoch, or until something fails: what was
/// finished before is kept. `saved` is called after every epoch whose losses are finite.
pub(super) fn run<T: Number>(
    cpu: &Cpu,
    training: &mut Training<T>,
    last: usize,
    stop: impl Fn() -> bool,
    mut saved: impl FnMut(&Training<T>) -> Result<(), Failure>,
) -> Outcome {
    let progress = Progress::start();
    let (first, steps) = (training.epochs_done(), training.steps());
    let all_steps = (steps * (last - first)) as f64;
    let (mut epochs, mut diverged, mut failed) = (Vec::new(), None, None);
    while training.epochs_done() < last && diverged.is_none() && failed.is_none() && !stop() {
        let (number, before) = (training.epochs_done() + 1, steps * epochs.len());
        let show = |step: usize, loss: f64| {
            let share = (before + step) as f64 / all_steps;
            progress.show(format!("epoch {number} of {last}, loss {loss:.4}"), share);
        };
        match epoch(cpu, training, show) {
            Ok(mut finished) => {
                let begin = Instant::now();
                if finished.epoch.losses.iter().all(|loss| loss.is_finite()) {
                    failed = saved(training).err();
                } else {
                    diverged = Some(number);
                }
                finished.seconds += begin.elapsed().as_secs_f64();
                epochs.push(finished);
            }
            Err(error) => failed = Some(Failure::Run(error.to_string())),
        }
    }
    Outcome { epochs, slopes: training.slopes(), diverged, failed }
}

fn epoch<T: Number>(
    cpu: &Cpu,
    training: &mut Training<T>,
    show: impl Fn(usize, f64),
) -> Result<Finished, NetError> {
    let planned = training.plan()?;
    let (begin, mut step, mut counted_bytes) = (Instant::now(), 0, 0);
    cpu.memory().reset_peak();
    let epoch = training.epoch(|loss| {
        if step == 0 {
            counted_bytes = cpu.memory().peak_bytes();
        }
        step += 1;
        show(step, loss);
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let most_bytes = cpu.memory().peak_bytes();
    Ok(Finished { epoch, seconds, planned, counted_bytes, most_bytes })
}
