//! The fixed partition of a tensor: the same blocks whatever the number of threads.

use crate::codec::Codec;
use crate::element::Element;
use crate::plan::Plan;

/// Elements of the shortest block: 256 KiB of f32, so that a block's two or three streams stay in
/// a core's second-level memory and a thread has milliseconds of work per thousand blocks.
pub(super) const SHORTEST: usize = 1 << 16;

/// A block is at least this many times as long as the row of partial sums it fills, which bounds
/// the workspace: one `f64` partial for 64 elements.
const ELEMENTS_PER_PARTIAL: usize = 64;

/// Where the blocks of a plan begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    /// Elements per block before its ends are moved to word boundaries; a multiple of every word.
    length: usize,
    /// Number of blocks.
    pub(super) count: usize,
    /// Partial sums per block.
    pub(super) width: usize,
}

impl Blocks {
    pub(super) fn of<C: Codec<T>, T: Element>(plan: &Plan<C, T>) -> Self {
        let elements = plan.by_slope().len();
        let mut length = SHORTEST;
        let mut width = width(plan, length);
        while width * ELEMENTS_PER_PARTIAL > length && length < elements {
            length *= 2;
            width = self::width(plan, length);
        }
        Blocks { length, count: elements.div_ceil(length), width }
    }

    /// The first element of block `index`; the end of the tensor for `index == count`.
    pub(super) fn start<C: Codec<T>, T: Element>(self, plan: &Plan<C, T>, index: usize) -> usize {
        let position = (index * self.length).min(plan.by_slope().len());
        plan.word_boundary(position)
    }
}

/// The first `len` elements of what `rest` holds, which then holds those behind them.
pub(super) fn take_front<'a, U>(rest: &mut &'a mut [U], len: usize) -> &'a mut [U] {
    let (front, back) = std::mem::take(rest).split_at_mut(len);
    *rest = back;
    front
}

/// Partial sums for a block of `length` elements: as many as it can touch channels.
fn width<C: Codec<T>, T: Element>(plan: &Plan<C, T>, length: usize) -> usize {
    let (channels, inner) = (plan.by_slope().channels(), plan.by_slope().inner());
    let encoded = plan.encoded_elements();
    let ends_move = C::LANES > 1 && encoded > 0 && encoded < plan.by_slope().len();
    if inner == 1 {
        plan.period().min(plan.by_slope().len())
    } else if ends_move {
        channels
    } else {
        channels.min(length / inner.max(1) + 2)
    }
}
