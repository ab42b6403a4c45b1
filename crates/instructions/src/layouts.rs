//! What the counted passes run on.

use prelu_mem_core::{Error, Geometry, Sharing};

use crate::stepped;

/// A tensor's shape, channels on axis 1.
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    shape: &'static [usize],
    /// The shape for single steps, which take microseconds each.
    small: &'static [usize],
    sharing: Sharing,
    /// What the counts are told per: an element, or a call.
    pub(crate) per: Per,
}

/// The unit of a count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Per {
    Element,
    Call,
}

/// Which classes of channels a strategy meets.
#[derive(Clone, Copy)]
pub(crate) enum Signs {
    /// Every slope is 0.3.
    Positive,
    /// Half the slopes are positive, a third negative, the rest 0; neighbours differ.
    Mixed,
}

impl Signs {
    pub(crate) fn slope(self, channel: usize) -> f64 {
        match self {
            Signs::Positive => 0.3,
            Signs::Mixed => [0.3, -0.3, 0.0, 0.3, -0.3, 0.3][channel % 6],
        }
    }
}

const fn layout(name: &'static str, shape: &'static [usize], small: &'static [usize]) -> Layout {
    Layout { name, shape, small, sharing: Sharing::PerChannel, per: Per::Element }
}

const fn call(name: &'static str, shape: &'static [usize]) -> Layout {
    Layout { name, shape, small: shape, sharing: Sharing::Shared, per: Per::Call }
}

/// About 63,000 elements each, 7,800 in small: enough that what a call costs all but disappears.
pub(crate) const LAYOUTS: &[Layout] = &[
    layout("112x112", &[1, 5, 112, 112], &[1, 1, 112, 112]),
    layout("56x56", &[1, 20, 56, 56], &[1, 2, 56, 56]),
    layout("14x14", &[2, 160, 14, 14], &[1, 40, 14, 14]),
    layout("7x7", &[5, 256, 7, 7], &[1, 160, 7, 7]),
    Layout { sharing: Sharing::Shared, ..layout("3199-shared", &[1, 20, 3199], &[1, 2, 3199]) },
    layout("channels-last-3", &[20_907, 3], &[2_613, 3]),
    layout("channels-last-64", &[980, 64], &[122, 64]),
    layout("channels-last-512", &[122, 512], &[15, 512]),
];

/// Small work: one element, which is the cost of a call without its loop, and a thousand.
pub(crate) const CALLS: &[Layout] = &[call("call-1", &[1, 1]), call("call-1000", &[1, 1, 1000])];

impl Layout {
    pub(crate) fn geometry(&self) -> Result<Geometry, Error> {
        let shape = if stepped::is_stepped() { self.small } else { self.shape };
        Geometry::from_shape(shape, 1, self.sharing)
    }

    pub(crate) fn has_one_slope(&self) -> bool {
        self.sharing == Sharing::Shared
    }
}
