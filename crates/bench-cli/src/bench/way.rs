//! From the end of forward to the end of backward: how the upstream gradient meets the saved state.

use prelu_mem_core::{Backend, Element, Error, GradSlot, SharedBuffer, Slopes, Strategy};
use prelu_mem_diff_stash::DiffStash;

use super::tile::Tile;
use crate::device::{Device, Runs, Stopwatch};
use crate::options::hand_over::HandOver;

/// One layer's tensors, as a host has them.
pub(super) struct Pass<'a, B: Device, T: Element> {
    /// `x`, then `y`.
    pub(super) x: &'a mut B::Buffer<T>,
    /// The gradient buffer; empty where gradients are transient and it is not their time.
    pub(super) slot: &'a mut GradSlot<B, T>,
    /// The one buffer that stashes move through.
    pub(super) shared: Option<&'a SharedBuffer<B, T>>,
    /// What the layer that follows writes as its input gradient.
    pub(super) upstream: &'a Tile<B, T>,
    /// One sum per slope.
    pub(super) sums: &'a mut B::Buffer<f64>,
}

impl<B: Device, T: Element> Pass<'_, B, T> {
    /// Elements of the layer.
    pub(super) fn elements(&self) -> usize {
        B::len(self.x)
    }

    /// Makes the gradient buffer where it is not there yet.
    pub(super) fn ensure_gradient(&mut self, backend: &B) -> Result<(), Error> {
        if self.slot.get_mut().is_err() {
            *self.slot = GradSlot::new(backend.reserve(self.elements())?);
        }
        Ok(())
    }
}

fn all_mut<B: Backend>(sums: &mut B::Buffer<f64>) -> B::ViewMut<'_, f64> {
    let slopes = B::len(sums);
    B::view_mut(sums, slopes)
}

/// Backward of a layer whose state `S` has saved. The pass ends with the input gradient in its slot.
pub(super) trait Way<B: Device, T: Element, S: Strategy<B, T>>: Copy {
    /// Which hand-over it is, where the strategy has one.
    fn hand_over(self, lends: bool) -> Option<HandOver>;

    /// Adds the time of the hand-over and of backward, without that of writing the upstream gradient.
    fn backward(
        self,
        backend: &B,
        rule: (S, &Slopes<T>),
        saved: S::Saved,
        pass: Pass<'_, B, T>,
        watch: &mut B::Stopwatch,
    ) -> Result<(), Error>;
}

/// The gradient buffer is vacated and takes the upstream gradient: any strategy's way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vacate;

impl<B: Device, T: Element, S: Strategy<B, T>> Way<B, T, S> for Vacate {
    fn hand_over(self, lends: bool) -> Option<HandOver> {
        lends.then_some(HandOver::Copy)
    }

    fn backward(
        self,
        backend: &B,
        (strategy, slopes): (S, &Slopes<T>),
        saved: S::Saved,
        mut pass: Pass<'_, B, T>,
        watch: &mut B::Stopwatch,
    ) -> Result<(), Error> {
        let elements = pass.elements();
        let ready = watch.run(|| Ok(strategy.vacate(backend, saved, pass.slot, pass.shared)?))?;

        pass.ensure_gradient(backend)?;
        let grad = pass.slot.get_mut()?;
        pass.upstream.fill(backend, grad, elements)?;
        let grad = B::view_mut(grad, elements);
        let (output, sums) = (Some(B::view(pass.x, elements)), Some(all_mut::<B>(pass.sums)));
        watch.run(|| Ok(strategy.backward(backend, slopes, ready, output, grad, sums)?))
    }
}

/// The upstream gradient goes to the shared buffer, and the input gradient over the stash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direct;

impl<B: Runs<T>, T: Element> Way<B, T, DiffStash> for Direct {
    fn hand_over(self, _: bool) -> Option<HandOver> {
        Some(HandOver::Direct)
    }

    fn backward(
        self,
        backend: &B,
        (_, slopes): (DiffStash, &Slopes<T>),
        saved: <DiffStash as Strategy<B, T>>::Saved,
        pass: Pass<'_, B, T>,
        watch: &mut B::Stopwatch,
    ) -> Result<(), Error> {
        let elements = pass.elements();
        let shared = pass.shared.ok_or(Error::NoSharedBuffer)?;
        let mut lease = watch.run(|| shared.lease(elements))?;

        pass.upstream.fill(backend, lease.buffer_mut(), elements)?;
        let upstream = B::view(lease.buffer(), elements);
        let sums = Some(all_mut::<B>(pass.sums));
        let gradient = watch.run(|| Ok(saved.backward_direct(backend, slopes, upstream, sums)?))?;
        *pass.slot = GradSlot::new(gradient);
        Ok(())
    }
}
