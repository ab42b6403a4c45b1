//! The measured part of a run: every subject in turn, round after round, beside the machine's limits.

use std::time::{Duration, Instant};

use prelu_mem_core::Element;

use super::progress::Progress;
use super::samples::Samples;
use super::subject::Subject;
use super::target::Layer;
use super::tensors::Tensors;
use crate::device::{Device, Limits, Stopwatch};
use crate::failure::Failure;

/// When the rounds end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rounds {
    /// At least so many, however long they take.
    pub(super) least: usize,
    /// At most so many.
    pub(super) most: usize,
    /// Between those, no new round after this time.
    pub(super) time: Duration,
}

impl Rounds {
    /// A few seconds: long enough for a stable median, short enough to wait for.
    pub(super) const USUAL: Self = Self { least: 5, most: 50, time: Duration::from_secs(6) };

    /// So many, however long they take.
    pub(super) fn exactly(count: usize) -> Self {
        Self { least: count, most: count, ..Self::USUAL }
    }

    fn share(&self, done: usize, spent: Duration) -> f64 {
        let timed = spent.as_secs_f64() / self.time.as_secs_f64();
        let counted = done as f64 / self.least as f64;
        (done as f64 / self.most as f64).max(timed.min(counted)).min(1.0)
    }
}

/// Seconds, sample by sample, of one subject over all layers.
#[derive(Debug, Clone, Default)]
pub(super) struct Timing {
    /// Forward.
    pub(super) forward: Samples,
    /// Backward.
    pub(super) backward: Samples,
}

/// Seconds, sample by sample, of the limits' loops over all layers.
#[derive(Debug, Clone, Default)]
pub(super) struct LimitTiming {
    /// Copy.
    pub(super) copy: Samples,
    /// Scale in place.
    pub(super) scale: Samples,
    /// Triad in place.
    pub(super) triad: Samples,
}

/// Bytes counted while every saved state of one subject was alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// Allocated between the start and the end of forward, and not freed.
    pub(super) allocated: u64,
    /// Memory in use then: of the whole process, or of the whole device.
    pub(super) resident: u64,
}

/// What all measurements share.
pub(super) struct Bench<'a, B: Device, T: Element> {
    /// By subject: the same device, and memory of its own, which keeps what the subject freed for its next step.
    pub(super) backends: Vec<B>,
    /// The limits' loops.
    pub(super) limits: B::Limits,
    /// The layers.
    pub(super) layers: &'a [Layer<T>],
    /// Their tensors.
    pub(super) tensors: Tensors<B, T>,
    /// Steps in a sample, which is their mean.
    pub(super) steps: usize,
}

impl<B: Device, T: Element> Bench<'_, B, T> {
    /// Counts the memory of the subject at `index`, in a step of its own: nothing is timed here.
    pub(super) fn count(
        &mut self,
        index: usize,
        subject: &dyn Subject<B, T>,
    ) -> Result<Counted, Failure> {
        // What earlier subjects freed is not this one's.
        self.backends.iter().try_for_each(Device::release_freed)?;
        self.tensors.release_freed()?;
        let backend = &self.backends[index];
        let before = backend.live_bytes();
        let mut counted = Ok(Counted { allocated: 0, resident: 0 });
        subject.step(backend, self.layers, &mut self.tensors, &mut || {
            let allocated = (backend.live_bytes() - before) as u64;
            counted = backend.resident_memory().map(|resident| Counted { allocated, resident });
        })?;
        counted
    }

    /// One step of every subject that is not counted: it pays for the page faults of fresh memory.
    pub(super) fn warm_up(
        &mut self,
        subjects: &[Box<dyn Subject<B, T>>],
        stop: &dyn Fn() -> bool,
        progress: &Progress,
    ) -> Result<(), Failure> {
        for (subject, backend) in subjects.iter().zip(&self.backends) {
            if stop() {
                break;
            }
            progress.show(format!("warm-up: {}", subject.name()), 0.0);
            subject.step(backend, self.layers, &mut self.tensors, &mut || {})?;
        }
        Ok(())
    }

    /// Samples the limits and every subject in turn until the rounds end or `stop` says so. Returns what was finished.
    pub(super) fn time(
        &mut self,
        subjects: &[Box<dyn Subject<B, T>>],
        rounds: Rounds,
        stop: &dyn Fn() -> bool,
        progress: &Progress,
    ) -> Result<(LimitTiming, Vec<Timing>), Failure> {
        let mut limits = LimitTiming::default();
        let mut timings = vec![Timing::default(); subjects.len()];
        let start = Instant::now();
        for round in 0..rounds.most {
            let share = rounds.share(round, start.elapsed());
            if round >= rounds.least && start.elapsed() >= rounds.time {
                break;
            }
            if stop() {
                break;
            }
            progress.show(format!("round {}: limits", round + 1), share);
            self.sample_limits(&mut limits)?;
            let rows = subjects.iter().zip(&self.backends).zip(&mut timings);
            for ((subject, backend), timing) in rows {
                if stop() {
                    break;
                }
                progress.show(format!("round {}: {}", round + 1, subject.name()), share);
                let (mut forward, mut backward) = (0.0, 0.0);
                for _ in 0..self.steps {
                    let step = subject.step(backend, self.layers, &mut self.tensors, &mut || {})?;
                    forward += step.forward;
                    backward += step.backward;
                }
                timing.forward.push(forward / self.steps as f64);
                timing.backward.push(backward / self.steps as f64);
            }
        }
        Ok((limits, timings))
    }

    /// One sample of each limit.
    fn sample_limits(&mut self, timing: &mut LimitTiming) -> Result<(), Failure> {
        let mut watches = [(); 3].map(|()| self.backends[0].stopwatch());
        for _ in 0..self.steps {
            self.step_limits(&mut watches)?;
        }
        for (watch, samples) in
            watches.into_iter().zip([&mut timing.copy, &mut timing.scale, &mut timing.triad])
        {
            samples.push(watch.seconds()? / self.steps as f64);
        }
        Ok(())
    }

    /// Every limit once, over the layers in the order in which PReLU meets them, refilled as for PReLU.
    fn step_limits(&mut self, watches: &mut [B::Stopwatch; 3]) -> Result<(), Failure> {
        let (limits, tensors) = (&self.limits, &mut self.tensors);
        let [copy, scale, triad] = watches;
        tensors.lead()?;
        for layer in 0..self.layers.len() {
            tensors.refill_input(layer)?;
            let x = &mut tensors.activations[layer];
            let elements = B::len(x);
            scale.run(|| limits.scale::<T>(B::view_mut(x, elements)))?;
        }
        tensors.lead()?;
        for layer in (0..self.layers.len()).rev() {
            tensors.refill_upstream(layer)?;
            let (grad, y) = (tensors.slots[layer].get_mut()?, &tensors.activations[layer]);
            let elements = B::len(y);
            triad.run(|| limits.triad::<T>(B::view_mut(grad, elements), B::view(y, elements)))?;
            tensors.refill_input(layer)?;
            let (to, from) = (tensors.slots[layer].get_mut()?, &tensors.activations[layer]);
            copy.run(|| limits.copy::<T>(B::view(from, elements), B::view_mut(to, elements)))?;
            tensors.release_gradient(layer);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use prelu_mem_core::{Cpu, Geometry, Sharing, Slopes};
    use prelu_mem_registry::StrategyName;

    use super::*;
    use crate::bench::subject::prepare;
    use crate::options::gradients::Gradients;
    use crate::options::hand_over::HandOver;

    /// The numbers of samples (limits, then each of two strategies) when `stop` is first true at its `calls`-th call.
    fn samples(rounds: Rounds, calls: usize) -> Result<Vec<usize>, Failure> {
        let geometry = Geometry::from_shape(&[2, 3, 5], 1, Sharing::PerChannel)?;
        let slopes = Slopes::learned(vec![0.25_f32; 3]);
        let layers = [Layer { shape: vec![2, 3, 5], axis: 1, geometry, slopes }];
        let backend = Cpu::new(1)?;
        let names = [StrategyName::FullCopy, StrategyName::Bitmask];
        let subjects: Result<Vec<_>, _> =
            names.iter().map(|&name| prepare(name, HandOver::Copy, &layers)).collect();
        let subjects = subjects?;
        let mut bench = Bench {
            backends: vec![backend.with_own_memory(), backend.with_own_memory()],
            limits: backend.limits()?,
            layers: &layers,
            tensors: Tensors::new(&backend, &layers, None, (Gradients::Transient, 0))?,
            steps: 2,
        };
        let left = Cell::new(calls);
        let stop = || {
            left.set(left.get().saturating_sub(1));
            left.get() == 0
        };
        let (limits, timings) = bench.time(&subjects, rounds, &stop, &Progress::start())?;
        let count = |samples: &Samples| samples.summary().map_or(0, |summary| summary.samples);
        let mut counts = vec![count(&limits.copy)];
        counts.extend(timings.iter().map(|timing| count(&timing.forward)));
        assert_eq!(count(&limits.copy), count(&limits.triad));
        Ok(counts)
    }

    #[test]
    fn a_stop_keeps_what_was_finished() -> Result<(), Failure> {
        // Asked once before each round and once before each of the two strategies.
        let rounds = Rounds::exactly(4);
        assert_eq!(samples(rounds, usize::MAX)?, [4, 4, 4]);
        assert_eq!(samples(rounds, 1)?, [0, 0, 0]);
        assert_eq!(samples(rounds, 2)?, [1, 0, 0]);
        assert_eq!(samples(rounds, 3)?, [1, 1, 0]);
        assert_eq!(samples(rounds, 4)?, [1, 1, 1]);
        assert_eq!(samples(rounds, 6)?, [2, 2, 1]);
        Ok(())
    }

    #[test]
    fn rounds_end_with_the_time_but_not_before_the_least() -> Result<(), Failure> {
        let rounds = Rounds { least: 3, most: 50, time: Duration::ZERO };
        assert_eq!(samples(rounds, usize::MAX)?, [3, 3, 3]);
        Ok(())
    }

    #[test]
    fn progress_never_runs_over() {
        let rounds = Rounds::USUAL;
        let share = |done, seconds| rounds.share(done, Duration::from_secs(seconds));
        assert_eq!(share(0, 0), 0.0);
        assert_eq!(share(25, 0), 0.5);
        assert_eq!(share(1, 1000), 0.2);
        assert_eq!(share(50, 1000), 1.0);
    }
}
