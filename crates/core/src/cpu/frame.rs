//! What the loops need of a plan, whatever its codec.

use crate::codec::{CHUNK, Codec};
use crate::element::Element;
use crate::plan::Plan;
use crate::vectors::Reach;

/// Bytes of a tensor; a backward pass has two, and second-level caches a mebibyte or half of one.
const NEAR: usize = 512 << 10;

/// Slopes and geometry. Loops over the same words are the same code for every codec with these.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a, T: Element> {
    /// Elements of a channel side by side.
    pub(super) inner: usize,
    /// By channel.
    pub(super) slopes: &'a [T::Wide],
    /// See [`Plan::cyclic_slopes`].
    pub(super) cyclic_slopes: &'a [T::Wide],
    /// Whether the slopes are owed a gradient.
    pub(super) learned: bool,
    /// Whether a core's second-level cache holds the tensors of a pass.
    pub(super) near: bool,
}

impl<'a, T: Element> Frame<'a, T> {
    /// See [`Plan::period`].
    #[inline(always)]
    pub(super) fn period(&self) -> usize {
        self.cyclic_slopes.len() + 1 - CHUNK
    }

    /// `past_caches` tells whether what the pass saves is larger than the caches.
    pub(super) fn reach(&self, past_caches: bool) -> Reach {
        Reach { far: !self.near, past_caches }
    }

    pub(super) fn of<C: Codec<T>>(plan: &'a Plan<C, T>) -> Self {
        Frame {
            inner: plan.by_slope().inner(),
            slopes: plan.wide_slopes(),
            cyclic_slopes: plan.cyclic_slopes(),
            learned: plan.is_learned(),
            near: plan.by_slope().len() <= NEAR / size_of::<T>(),
        }
    }
}
