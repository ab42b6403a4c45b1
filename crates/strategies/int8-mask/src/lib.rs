//! `int8-mask`: the sign of the pre-activation is saved, one byte per element.

mod codec;

pub use codec::SignByte;
use prelu_mem_core::{Advice, Element, Owned, Recipe};

/// Saves a byte per element.
#[derive(Clone, Copy, Debug, Default)]
pub struct Int8Mask;

impl Int8Mask {
    /// For people who choose a strategy.
    pub const ADVICE: Advice = Advice {
        needs: "the output `y` in backward",
        right_when: "Other code has to read the mask, a byte for each element.",
        wrong_when: "Memory or speed is what counts: `bitmask` does with an eighth of it and moves fewer bytes.",
    };
}

impl<T: Element> Recipe<T> for Int8Mask {
    const NAME: &'static str = "int8-mask";
    type Codec = SignByte;
    type Home = Owned;
}
