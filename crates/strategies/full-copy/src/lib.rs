//! `full-copy`: the pre-activation itself is saved, one element per element, as Caffe's in-place
//! PReLU does. Every gradient is exact and the output is not read in backward.

use prelu_mem_core::{Element, Identity, Owned, Recipe};

/// Saves the pre-activation whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullCopy;

impl<T: Element> Recipe<T> for FullCopy {
    const NAME: &'static str = "full-copy";
    type Codec = Identity;
    type Home = Owned;
}
