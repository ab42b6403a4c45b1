//! `full-copy`: the pre-activation itself is saved, one element per element, as Caffe's in-place
//! PReLU does. Every gradient is exact and the output is not read in backward.

use prelu_mem_core::{Advice, Element, Identity, Owned, Recipe};

/// Saves the pre-activation whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullCopy;

impl FullCopy {
    /// For people who choose a strategy.
    pub const ADVICE: Advice = Advice {
        needs: "nothing",
        right_when: "The layer behind lets go of its input and gradients are transient, or every bit of the slope gradient matters more than memory.",
        wrong_when: "A convolution or a matrix product stands behind the layer: it keeps `y` anyway, and a mask does with a bit what this does with an element.",
    };
}

impl<T: Element> Recipe<T> for FullCopy {
    const NAME: &'static str = "full-copy";
    type Codec = Identity;
    type Home = Owned;
}
