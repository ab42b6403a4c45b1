//! The direct way of handing a stash over: it is not moved at all.
//!
//! The layer that follows writes its input gradient to the shared buffer, and backward reads it
//! there while it overwrites the stash with its own input gradient. One pass, no copy.

use crate::backend::DirectKernels;
use crate::codec::Identity;
use crate::element::Element;
use crate::error::{Error, Refused, Result};
use crate::home::Loan;
use crate::slopes::Slopes;

use super::{Stored, check, length};

impl<B: DirectKernels<T>, T: Element> Stored<Loan<B::Buffer<T>, B::Buffer<T>>, B, Identity, T> {
    /// Whether every element is stashed. Frozen slopes that are not negative need no stash for
    /// their channels, so that the others' lie close together: those have to be vacated instead.
    pub fn is_whole(&self) -> bool {
        matches!(self.words, Loan::Out(_)) && self.plan.words() == self.plan.geometry().len()
    }

    /// Spends the stash: returns its gradient buffer, filled with the input gradient, and adds the
    /// slope gradient to `slope_gradient`, which may be left out for frozen slopes only.
    ///
    /// # Errors
    /// A stash that is not whole; [`Error::SlopesChanged`], [`Error::SlopeGradientRequired`],
    /// [`Error::Length`], [`Error::OutOfMemory`]. The stash comes back, untouched.
    pub fn backward_direct(
        mut self,
        backend: &B,
        slopes: &Slopes<T>,
        upstream: B::View<'_, T>,
        slope_gradient: Option<B::ViewMut<'_, f64>>,
    ) -> Result<B::Buffer<T>, Refused<Self>> {
        let plan = &*self.plan;
        let elements = plan.geometry().len();
        let sums = slope_gradient.as_ref().map(|sums| B::view_len(B::as_view(sums)));
        let checked = if plan.epoch() != slopes.epoch() {
            Err(Error::SlopesChanged)
        } else {
            length("stash", elements, plan.words())
                .and_then(|()| check(plan, "diff-stash", None, B::view_len(upstream), sums))
        };
        let done = match (checked, &mut self.words) {
            (Ok(()), Loan::Out(stash)) => {
                let sums = slope_gradient.filter(|_| plan.is_learned());
                backend.backward_direct(plan, upstream, B::view_mut(stash, elements), sums)
            }
            (Ok(()), Loan::Nothing(_)) => Err(Error::NoGradientBuffer),
            (Err(error), _) => Err(error),
        };
        match (done, self.words) {
            (Ok(()), Loan::Out(gradient) | Loan::Nothing(gradient)) => Ok(gradient),
            (Err(error), words) => Err(Refused { error, state: Stored { words, ..self } }),
        }
    }
}
