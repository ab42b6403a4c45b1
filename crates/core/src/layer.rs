//! A PReLU layer: slopes, their gradient, and a strategy planned once per set of slopes.

use std::sync::Arc;

use crate::backend::Backend;
use crate::element::Element;
use crate::error::{Refused, Result};
use crate::footprint::Footprint;
use crate::geometry::Geometry;
use crate::loan::{GradSlot, SharedBuffer};
use crate::slopes::Slopes;
use crate::strategy::{PlanInfo, Strategy};

/// A PReLU layer over strategy `S` on backend `B`.
pub struct Layer<S: Strategy<B, T>, B: Backend, T: Element> {
    strategy: S,
    backend: B,
    slopes: Slopes<T>,
    slope_gradient: B::Buffer<f64>,
    plan: Option<Arc<S::Plan>>,
}

impl<S: Strategy<B, T>, B: Backend, T: Element> Layer<S, B, T> {
    /// A layer with these slopes: one per channel, or one for [`crate::Sharing::Shared`].
    ///
    /// # Errors
    /// No memory for the slope gradient.
    pub fn new(backend: B, strategy: S, slopes: Slopes<T>) -> Result<Self> {
        let slope_gradient = backend.alloc(slopes.values().len())?;
        Ok(Layer { strategy, backend, slopes, slope_gradient, plan: None })
    }

    /// The slopes.
    pub fn slopes(&self) -> &Slopes<T> {
        &self.slopes
    }

    /// Updates the slopes in place. Forward plans the channels anew; a state saved before is refused
    /// by backward.
    pub fn update_slopes(&mut self, change: impl FnOnce(&mut [T])) {
        self.slopes.update(change);
    }

    /// The backend.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// The slope gradient: the sum over all backward passes since it was last cleared.
    pub fn slope_gradient(&self) -> B::View<'_, f64> {
        B::view(&self.slope_gradient, self.slopes.values().len())
    }

    /// The slope gradient, to clear or scale it.
    pub fn slope_gradient_mut(&mut self) -> B::ViewMut<'_, f64> {
        B::view_mut(&mut self.slope_gradient, self.slopes.values().len())
    }

    /// The bytes a pass over a tensor of this geometry needs.
    ///
    /// # Errors
    /// Another number of slopes than the geometry's.
    pub fn footprint(&mut self, geometry: &Geometry) -> Result<Footprint> {
        let plan = self.plan(geometry)?;
        Ok(self.strategy.footprint(&self.backend, &plan))
    }

    /// See [`Strategy::forward`].
    ///
    /// # Errors
    /// Those of [`Strategy::plan`] and [`Strategy::forward`].
    pub fn forward(
        &mut self,
        geometry: &Geometry,
        x: B::ViewMut<'_, T>,
        slot: &mut GradSlot<B, T>,
    ) -> Result<S::Saved> {
        let plan = self.plan(geometry)?;
        self.strategy.forward(&self.backend, &plan, x, slot)
    }

    /// See [`Strategy::vacate`].
    ///
    /// # Errors
    /// Those of [`Strategy::vacate`].
    pub fn vacate(
        &self,
        saved: S::Saved,
        slot: &mut GradSlot<B, T>,
        shared: Option<&SharedBuffer<B, T>>,
    ) -> Result<S::Ready, Refused<S::Saved>> {
        self.strategy.vacate(&self.backend, saved, slot, shared)
    }

    /// See [`Strategy::backward`]; the slope gradient is added to [`Layer::slope_gradient`].
    ///
    /// # Errors
    /// Those of [`Strategy::backward`].
    pub fn backward(
        &mut self,
        ready: S::Ready,
        output: Option<B::View<'_, T>>,
        grad: B::ViewMut<'_, T>,
    ) -> Result<(), Refused<S::Ready>> {
        let sums = B::view_mut(&mut self.slope_gradient, self.slopes.values().len());
        self.strategy.backward(&self.backend, &self.slopes, ready, output, grad, Some(sums))
    }

    fn plan(&mut self, geometry: &Geometry) -> Result<Arc<S::Plan>> {
        let current = |plan: &&Arc<S::Plan>| {
            plan.epoch() == self.slopes.epoch() && plan.geometry() == geometry
        };
        if let Some(plan) = self.plan.as_ref().filter(current) {
            return Ok(Arc::clone(plan));
        }
        let plan = self.strategy.plan(geometry, &self.slopes)?;
        self.plan = Some(Arc::clone(&plan));
        Ok(plan)
    }
}
