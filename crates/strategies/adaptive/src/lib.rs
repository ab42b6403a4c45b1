//! `adaptive`: each channel saves the least that its slope allows. Nothing where the slope is safely
//! positive, one bit per element where it is safely negative, the pre-activation elsewhere.

mod codec;

pub use codec::LeastBits;
use prelu_mem_core::{Element, Owned, Recipe};

/// Chooses per channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Adaptive;

impl<T: Element> Recipe<T> for Adaptive {
    const NAME: &'static str = "adaptive";
    type Codec = LeastBits;
    type Home = Owned;
}

/// The README's example is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;
