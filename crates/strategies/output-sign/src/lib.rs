//! `output-sign`: nothing is saved where the slope is safely positive, since the sign of the
//! pre-activation is then that of the output. Every other channel is kept whole.

use prelu_mem_core::{Advice, Element, Owned, Recipe, SignOfOutput};

/// Reads the sign off the output.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputSign;

impl OutputSign {
    /// For people who choose a strategy.
    pub const ADVICE: Advice = Advice {
        needs: "`y` in backward, but for kept channels",
        right_when: "All slopes are positive and stay so, and nothing else is wanted.",
        wrong_when: "Slopes turn negative in training: each such channel is kept whole, and memory grows as they do.",
    };
}

impl<T: Element> Recipe<T> for OutputSign {
    const NAME: &'static str = "output-sign";
    type Codec = SignOfOutput;
    type Home = Owned;
}
