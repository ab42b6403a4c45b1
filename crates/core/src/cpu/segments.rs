//! A block as segments: stretches of elements of one class.

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
    /// The channel of the first element.
    pub(super) channel: usize,
    /// Elements from the first one to the end of its channel's run.
    pub(super) left: usize,
}

/// The segments of a range, in memory order.
///
/// ```text
/// position = range.start
/// until range.end:
///     all of one class:  segment = the whole range
///     else:              segment = the rest of the run, and the runs of its class behind it
///     yield segment, cut at range.end
/// ```
pub(super) struct Segments<'a> {
    classes: &'a [Channel],
    inner: usize,
    /// Whether all channels are of one class.
    uniform: bool,
    position: usize,
    end: usize,
    channel: usize,
    /// What is left of the channel's run.
    run: usize,
}

impl Segment {
    /// A whole range, not empty, as one segment; the class is that of its first element.
    #[inline(always)]
    pub(super) fn whole<C: Codec<T>, T: Element>(plan: &Plan<C, T>, range: Range<usize>) -> Self {
        let inner = plan.by_slope().inner();
        let channel = range.start / inner % plan.classes().len();
        Segment {
            class: plan.classes()[channel],
            start: range.start,
            len: range.len(),
            channel,
            left: inner - range.start % inner,
        }
    }
}

impl<'a> Segments<'a> {
    #[inline(always)]
    pub(super) fn new<C: Codec<T>, T: Element>(plan: &'a Plan<C, T>, range: Range<usize>) -> Self {
        let (classes, inner) = (plan.classes(), plan.by_slope().inner());
        let (channel, run) = if range.is_empty() {
            (0, 0)
        } else {
            (range.start / inner % classes.len(), inner - range.start % inner)
        };
        Segments {
            classes,
            inner,
            uniform: plan.is_uniform(),
            position: range.start,
            end: range.end,
            channel,
            run,
        }
    }
}

impl Segments<'_> {
    #[inline(always)]
    fn next_channel(&mut self) {
        self.channel += 1;
        if self.channel == self.classes.len() {
            self.channel = 0;
        }
    }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    #[inline(always)]
    fn next(&mut self) -> Option<Segment> {
        if self.position >= self.end {
            return None;
        }
        let (channel, left) = (self.channel, self.run);
        let class = self.classes[channel];
        let rest = self.end - self.position;
        let mut len = rest;
        if !self.uniform {
            len = self.run.min(rest);
            self.next_channel();
            while len < rest && self.classes[self.channel] == class {
                len = rest.min(len + self.inner);
                self.next_channel();
            }
        }
        let start = self.position;
        self.position += len;
        self.run = self.inner;
        Some(Segment { class, start, len, channel, left })
    }
}
