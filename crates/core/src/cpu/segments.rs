//! A block as segments: stretches of elements of one class whose slopes are one value or one
//! contiguous table.

use std::ops::Range;

use crate::codec::{Channel, Codec};
use crate::element::Element;
use crate::plan::Plan;

/// Elements `start .. start + len` of the tensor, all of one class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) class: Channel,
    pub(super) start: usize,
    pub(super) len: usize,
    /// The channel of the first element: of all of them, unless channels are the fastest axis.
    pub(super) channel: usize,
}

/// Calls `each` with the segments of `range`, in memory order.
///
/// ```text
/// position = range.start
/// until range.end:
///     channels fastest, all of one class:  segment = the whole range
///     channels fastest:                    segment = the channels up to the next class
///     else:                                segment = the rest of the channel's run
///     each(segment cut at range.end)
/// ```
#[inline(always)]
pub(super) fn for_each<C: Codec<T>, T: Element>(
    plan: &Plan<C, T>,
    range: Range<usize>,
    mut each: impl FnMut(Segment),
) {
    let geometry = plan.by_slope();
    let (channels, inner) = (geometry.channels(), geometry.inner());
    let classes = plan.classes();
    if range.is_empty() {
        return;
    }
    let mut position = range.start;
    let mut channel = position / inner % channels;
    let mut run = inner - position % inner;
    let uniform = classes.iter().all(|&class| class == classes[0]);
    while position < range.end {
        let class = classes[channel];
        if inner == 1 {
            run = if uniform {
                range.end - position
            } else {
                classes[channel..].iter().take_while(|&&next| next == class).count()
            };
        }
        let len = run.min(range.end - position);
        each(Segment { class, start: position, len, channel });
        position += len;
        channel += if inner == 1 { len } else { 1 };
        if channel >= channels {
            channel = 0;
        }
        run = inner;
    }
}
