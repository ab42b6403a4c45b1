//! `int8-mask`: the sign of the pre-activation is saved, one byte per element.

mod codec;

pub use codec::SignByte;
use prelu_mem_core::{Element, Owned, Recipe};

/// Saves a byte per element.
#[derive(Clone, Copy, Debug, Default)]
pub struct Int8Mask;

impl<T: Element> Recipe<T> for Int8Mask {
    const NAME: &'static str = "int8-mask";
    type Codec = SignByte;
    type Home = Owned;
}
