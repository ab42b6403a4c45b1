//! `bitmask`: the sign of the pre-activation is saved, one bit per element.

mod codec;

pub use codec::{SignBits, bits};
use prelu_mem_core::{Element, Owned, Recipe};

/// Saves a bit per element.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitmask;

impl<T: Element> Recipe<T> for Bitmask {
    const NAME: &'static str = "bitmask";
    type Codec = SignBits;
    type Home = Owned;
}

/// The example of a framework's stream and tensors is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/cuda.md")]
struct CudaExample;
