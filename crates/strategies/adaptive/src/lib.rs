//! `adaptive`: each channel saves the least that its slope allows. Nothing where the slope is safely
//! positive, one bit per element where it is safely negative, the pre-activation elsewhere.

use prelu_mem_bitmask::SignBits;
use prelu_mem_core::{Advice, Channel, Codec, Element, Owned, Recipe};

/// Chooses per channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Adaptive;

impl Adaptive {
    /// For people who choose a strategy.
    pub const ADVICE: Advice = Advice {
        needs: "`y` in backward, but for kept channels",
        right_when: "Slopes are learned, and a convolution or a matrix product stands behind the layer. It is the one to begin with.",
        wrong_when: "The layer behind lets go of `y`, as for every mask. Memory has to be the same in every step: it follows the slopes.",
    };
}

impl<T: Element> Recipe<T> for Adaptive {
    const NAME: &'static str = "adaptive";
    type Codec = SignBits;
    type Home = Owned;

    fn channel(slope: T) -> Channel {
        let derivable = slope.positive() && slope.invertible();
        if derivable { Channel::Derived } else { SignBits::channel(slope) }
    }
}

/// The README's example is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;
