//! `bitmask`: the sign of the pre-activation is saved, one bit per element.

mod codec;

pub use codec::{SignBits, bits};
use prelu_mem_core::{Advice, Element, Owned, Recipe};

/// Saves a bit per element.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bitmask;

impl Bitmask {
    /// For people who choose a strategy.
    pub const ADVICE: Advice = Advice {
        needs: "the output `y` in backward",
        right_when: "What is saved must not follow the signs of the slopes while they are learned: it is one bit for either.",
        wrong_when: "The layer behind lets go of `y` (a pooling, an addition): `y` is then kept for the mask alone. Slopes are zero, tiny or beyond 1: such channels are kept whole.",
    };
}

impl<T: Element> Recipe<T> for Bitmask {
    const NAME: &'static str = "bitmask";
    type Codec = SignBits;
    type Home = Owned;
}

/// The example of a framework's stream and tensors is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/cuda.md")]
struct CudaExample;
