//! `output-sign`: nothing is saved where the slope is safely positive, since the sign of the
//! pre-activation is then that of the output. Every other channel is kept whole.

use prelu_mem_core::{Element, Owned, Recipe, SignOfOutput};

/// Reads the sign off the output.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputSign;

impl<T: Element> Recipe<T> for OutputSign {
    const NAME: &'static str = "output-sign";
    type Codec = SignOfOutput;
    type Home = Owned;
}
