//! A stretch of elements that one task goes through.

use crate::codec::Codec;
use crate::element::Element;
use crate::plan::Plan;

/// Where the first element of a stretch lies among the channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The channel of the first element.
    pub(super) channel: usize,
    /// Elements from the first one to the end of its channel's run.
    pub(super) left: usize,
}

impl Origin {
    /// Of the stretch that begins with element `start`, which the tensor has.
    #[inline(always)]
    pub(super) fn of<C: Codec<T>, T: Element>(plan: &Plan<C, T>, start: usize) -> Self {
        let inner = plan.by_slope().inner();
        Origin { channel: start / inner % plan.classes().len(), left: inner - start % inner }
    }
}
