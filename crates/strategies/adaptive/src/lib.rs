//! `adaptive`: each channel saves the least that its slope allows. Nothing where the slope is safely
//! positive, one bit per element where it is safely negative, the pre-activation elsewhere.

use prelu_mem_bitmask::SignBits;
use prelu_mem_core::{Channel, Codec, Element, Owned, Recipe};

/// Chooses per channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Adaptive;

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
