//! A strategy: a codec and a home, joined once for all of them.

mod direct;

use std::sync::Arc;

use crate::backend::{Backend, Inputs, Kernels};
use crate::codec::{Channel, Codec};
use crate::element::Element;
use crate::error::{Error, Refused, Result};
use crate::footprint::Footprint;
use crate::geometry::Geometry;
use crate::home::Home;
use crate::loan::{GradSlot, SharedBuffer};
use crate::plan::Plan;
use crate::slopes::{Epoch, Slopes};

/// How the pre-activation is preserved from forward to backward.
///
/// Forward, [`Strategy::vacate`] and backward each spend what the one before returned, so that
/// backward without forward, backward twice, and backward before the gradient buffer is vacated do
/// not compile.
pub trait Strategy<B: Backend, T: Element>: Copy + Default + Send + Sync + 'static {
    /// The name users write.
    const NAME: &'static str;

    /// What is saved for one geometry and one set of slopes.
    type Plan: PlanInfo<T> + Send + Sync + 'static;

    /// Kept from forward until the upstream gradient is about to be written.
    type Saved;

    /// Kept from then until backward.
    type Ready;

    /// Plans the channels. To be done again after every change of the slopes.
    ///
    /// # Errors
    /// [`Error::SlopeCount`].
    fn plan(&self, geometry: &Geometry, slopes: &Slopes<T>) -> Result<Arc<Self::Plan>>;

    /// The bytes a layer needs by this plan.
    fn footprint(&self, backend: &B, plan: &Self::Plan) -> Footprint;

    /// Overwrites `x` with `y = x` where `x > 0`, else `slope * x`, and saves what backward needs.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::OutOfMemory`]; for a stash the gradient buffer is missing or too
    /// small. `x` and the slot are then as before.
    fn forward(
        &self,
        backend: &B,
        plan: &Arc<Self::Plan>,
        x: B::ViewMut<'_, T>,
        slot: &mut GradSlot<B, T>,
    ) -> Result<Self::Saved>;

    /// Frees the gradient buffer for the upstream gradient; where the saved state owns its memory,
    /// nothing happens.
    ///
    /// # Errors
    /// For a stash: the shared buffer is missing, busy or too small. The saved state comes back.
    fn vacate(
        &self,
        backend: &B,
        saved: Self::Saved,
        slot: &mut GradSlot<B, T>,
        shared: Option<&SharedBuffer<B, T>>,
    ) -> Result<Self::Ready, Refused<Self::Saved>>;

    /// Overwrites the upstream gradient `grad` with the input gradient and adds the slope gradient,
    /// one value per slope, to `slope_gradient`.
    ///
    /// `output` is the `y` that forward wrote; it is read where [`Footprint::needs_output`].
    /// `slope_gradient` may be left out for frozen slopes only, and is not written for them.
    ///
    /// # Errors
    /// [`Error::SlopesChanged`], [`Error::OutputRequired`], [`Error::SlopeGradientRequired`],
    /// [`Error::Length`], [`Error::OutOfMemory`]. The saved state comes back and `grad` and
    /// `slope_gradient` are as before.
    fn backward(
        &self,
        backend: &B,
        slopes: &Slopes<T>,
        ready: Self::Ready,
        output: Option<B::View<'_, T>>,
        grad: B::ViewMut<'_, T>,
        slope_gradient: Option<B::ViewMut<'_, f64>>,
    ) -> Result<(), Refused<Self::Ready>>;
}

/// What hosts may ask of a plan.
pub trait PlanInfo<T> {
    /// The tensor's geometry.
    fn geometry(&self) -> &Geometry;
    /// The epoch of the slopes planned for.
    fn epoch(&self) -> Epoch;
    /// Each slope's class.
    fn classes(&self) -> &[Channel];
}

impl<C: Codec<T>, T: Element> PlanInfo<T> for Plan<C, T> {
    fn geometry(&self) -> &Geometry {
        self.geometry()
    }
    fn epoch(&self) -> Epoch {
        self.epoch()
    }
    fn classes(&self) -> &[Channel] {
        self.classes()
    }
}

/// A strategy by its parts. Every recipe is a [`Strategy`].
pub trait Recipe<T: Element>: Copy + Default + Send + Sync + 'static {
    /// The name users write.
    const NAME: &'static str;
    /// What is saved.
    type Codec: Codec<T>;
    /// Where it waits.
    type Home;

    /// How a channel with this learned slope is preserved, if not as the codec says: see
    /// [`Plan::classified`].
    fn channel(slope: T) -> Channel {
        Self::Codec::channel(slope)
    }
}

/// A saved state: the codec's words in their home, the kept channels, and the plan of both.
#[derive(Debug)]
pub struct Stored<H, B: Backend, C, T: Element> {
    words: H,
    kept: B::Buffer<T>,
    plan: Arc<Plan<C, T>>,
}

impl<H, B: Backend, C: Codec<T>, T: Element> Stored<H, B, C, T> {
    /// The plan it was made by.
    pub fn plan(&self) -> &Plan<C, T> {
        &self.plan
    }

    /// The words in their home.
    pub fn words(&self) -> &H {
        &self.words
    }
}

type WordOf<R, T> = <<R as Recipe<T>>::Codec as Codec<T>>::Word;
type Parked<R, B, T> = <<R as Recipe<T>>::Home as Home<B, T, WordOf<R, T>>>::Parked;
type Waiting<R, B, T> = <<R as Recipe<T>>::Home as Home<B, T, WordOf<R, T>>>::Ready;

impl<R, B, T> Strategy<B, T> for R
where
    T: Element,
    R: Recipe<T>,
    B: Kernels<R::Codec, T>,
    R::Home: Home<B, T, WordOf<R, T>>,
{
    const NAME: &'static str = <R as Recipe<T>>::NAME;
    type Plan = Plan<R::Codec, T>;
    type Saved = Stored<Parked<R, B, T>, B, R::Codec, T>;
    type Ready = Stored<Waiting<R, B, T>, B, R::Codec, T>;

    fn plan(&self, geometry: &Geometry, slopes: &Slopes<T>) -> Result<Arc<Self::Plan>> {
        Plan::classified(geometry, slopes, R::channel).map(Arc::new)
    }

    fn footprint(&self, backend: &B, plan: &Self::Plan) -> Footprint {
        let words = plan.words() * size_of::<WordOf<R, T>>();
        let owns = <R::Home as Home<B, T, WordOf<R, T>>>::OWNS;
        Footprint {
            encoded_bytes: if owns { words } else { 0 },
            lent_bytes: if owns { 0 } else { words },
            kept_bytes: plan.kept_elements() * size_of::<T>(),
            workspace_bytes: backend.workspace_bytes(plan),
            needs_output: plan.needs_output(),
        }
    }

    fn forward(
        &self,
        backend: &B,
        plan: &Arc<Self::Plan>,
        x: B::ViewMut<'_, T>,
        slot: &mut GradSlot<B, T>,
    ) -> Result<Self::Saved> {
        length("input", plan.geometry().len(), B::view_len(B::as_view(&x)))?;
        let (count, kept_count) = (plan.words(), plan.kept_elements());
        // The slot is the last to change: an allocation that fails leaves it as it was.
        let mut kept = backend.reserve(kept_count)?;
        let mut words = R::Home::acquire(backend, count, slot)?;
        backend.forward(
            plan,
            x,
            R::Home::words_mut(&mut words, count),
            B::view_mut(&mut kept, kept_count),
        )?;
        Ok(Stored { words, kept, plan: Arc::clone(plan) })
    }

    fn vacate(
        &self,
        backend: &B,
        saved: Self::Saved,
        slot: &mut GradSlot<B, T>,
        shared: Option<&SharedBuffer<B, T>>,
    ) -> Result<Self::Ready, Refused<Self::Saved>> {
        let Stored { words, kept, plan } = saved;
        match R::Home::vacate(backend, words, plan.words(), slot, shared) {
            Ok(words) => Ok(Stored { words, kept, plan }),
            Err(Refused { error, state: words }) => {
                Err(Refused { error, state: Stored { words, kept, plan } })
            }
        }
    }

    fn backward(
        &self,
        backend: &B,
        slopes: &Slopes<T>,
        ready: Self::Ready,
        output: Option<B::View<'_, T>>,
        grad: B::ViewMut<'_, T>,
        slope_gradient: Option<B::ViewMut<'_, f64>>,
    ) -> Result<(), Refused<Self::Ready>> {
        let plan = &*ready.plan;
        let sums = slope_gradient.as_ref().map(|sums| B::view_len(B::as_view(sums)));
        let checked = if plan.epoch() == slopes.epoch() {
            let grad_len = B::view_len(B::as_view(&grad));
            check(plan, <R as Recipe<T>>::NAME, output.map(B::view_len), grad_len, sums)
        } else {
            Err(Error::SlopesChanged)
        };
        let done = match checked {
            Ok(()) => {
                let inputs = Inputs {
                    words: R::Home::words(&ready.words, plan.words()),
                    kept: B::view(&ready.kept, plan.kept_elements()),
                    output,
                };
                let sums = slope_gradient.filter(|_| plan.is_learned());
                backend.backward(plan, inputs, grad, sums)
            }
            Err(error) => Err(error),
        };
        done.map_err(|error| Refused { error, state: ready })
    }
}

/// Holds what backward was given against what its plan asks for: lengths of the output, of the
/// upstream gradient and of the slope gradient.
fn check<C: Codec<T>, T: Element>(
    plan: &Plan<C, T>,
    strategy: &'static str,
    output: Option<usize>,
    grad: usize,
    slope_gradient: Option<usize>,
) -> Result<()> {
    let elements = plan.geometry().len();
    match output {
        Some(len) => length("output", elements, len)?,
        None if plan.needs_output() => return Err(Error::OutputRequired { strategy }),
        None => {}
    }
    length("upstream gradient", elements, grad)?;
    match slope_gradient {
        Some(len) => length("slope gradient", plan.slopes().len(), len),
        None if plan.is_learned() => Err(Error::SlopeGradientRequired),
        None => Ok(()),
    }
}

fn length(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::Length { what, expected, got }) }
}
