//! From the end of forward to the end of backward: how the upstream gradient meets the saved state.

use std::time::{Duration, Instant};

use prelu_mem_core::{Backend, Cpu, Element, Error, GradSlot, SharedBuffer, Slopes, Strategy};
use prelu_mem_diff_stash::DiffStash;

use super::tile::Tile;
use crate::options::hand_over::HandOver;

/// One layer's tensors, as a host has them.
pub(super) struct Pass<'a, T: Element> {
    /// `x`, then `y`.
    pub(super) x: &'a mut [T],
    /// The gradient buffer; empty where gradients are transient and it is not their time.
    pub(super) slot: &'a mut GradSlot<Cpu, T>,
    /// The one buffer that stashes move through.
    pub(super) shared: Option<&'a SharedBuffer<Cpu, T>>,
    /// What the layer that follows writes as its input gradient.
    pub(super) upstream: &'a Tile<T>,
    /// One sum per slope.
    pub(super) sums: &'a mut [f64],
}

impl<T: Element> Pass<'_, T> {
    /// Makes the gradient buffer where it is not there yet.
    pub(super) fn ensure_gradient(&mut self, backend: &Cpu) -> Result<(), Error> {
        if self.slot.get_mut().is_err() {
            *self.slot = GradSlot::new(backend.reserve(self.x.len())?);
        }
        Ok(())
    }
}

/// Backward of a layer whose state `S` has saved. The pass ends with the input gradient in its slot.
pub(super) trait Way<T: Element, S: Strategy<Cpu, T>>: Copy {
    /// Which hand-over it is, where the strategy has one.
    fn hand_over(self, lends: bool) -> Option<HandOver>;

    /// Returns the time of the hand-over and of backward, without that of writing the upstream gradient.
    fn backward(
        self,
        backend: &Cpu,
        rule: (S, &Slopes<T>),
        saved: S::Saved,
        pass: Pass<'_, T>,
    ) -> Result<Duration, Error>;
}

/// The gradient buffer is vacated and takes the upstream gradient: any strategy's way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vacate;

impl<T: Element, S: Strategy<Cpu, T>> Way<T, S> for Vacate {
    fn hand_over(self, lends: bool) -> Option<HandOver> {
        lends.then_some(HandOver::Copy)
    }

    fn backward(
        self,
        backend: &Cpu,
        (strategy, slopes): (S, &Slopes<T>),
        saved: S::Saved,
        mut pass: Pass<'_, T>,
    ) -> Result<Duration, Error> {
        let start = Instant::now();
        let ready = strategy.vacate(backend, saved, pass.slot, pass.shared)?;
        let vacated = start.elapsed();

        pass.ensure_gradient(backend)?;
        let grad = pass.slot.get_mut()?;
        pass.upstream.fill(grad);
        let (output, sums) = (Some(&*pass.x), Some(pass.sums));
        let start = Instant::now();
        strategy.backward(backend, slopes, ready, output, grad, sums)?;
        Ok(vacated + start.elapsed())
    }
}

/// The upstream gradient goes to the shared buffer, and the input gradient over the stash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direct;

impl<T: Element> Way<T, DiffStash> for Direct {
    fn hand_over(self, _: bool) -> Option<HandOver> {
        Some(HandOver::Direct)
    }

    fn backward(
        self,
        backend: &Cpu,
        (_, slopes): (DiffStash, &Slopes<T>),
        saved: <DiffStash as Strategy<Cpu, T>>::Saved,
        pass: Pass<'_, T>,
    ) -> Result<Duration, Error> {
        let elements = pass.x.len();
        let start = Instant::now();
        let mut lease = pass.shared.ok_or(Error::NoSharedBuffer)?.lease(elements)?;
        let leased = start.elapsed();

        pass.upstream.fill(&mut lease.buffer_mut()[..elements]);
        let upstream = &lease.buffer()[..elements];
        let start = Instant::now();
        let gradient = saved.backward_direct(backend, slopes, upstream, Some(pass.sums))?;
        let spent = leased + start.elapsed();
        *pass.slot = GradSlot::new(gradient);
        Ok(spent)
    }
}
