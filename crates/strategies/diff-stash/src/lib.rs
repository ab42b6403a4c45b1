//! `diff-stash`: the pre-activation waits in the layer's own gradient buffer, idle until backward,
//! and moves through one buffer shared by the whole net. Every gradient is exact and the output is
//! not read in backward. It costs nothing where gradient buffers are resident, and a full copy
//! where they come and go.

use prelu_mem_core::{Advice, Element, Identity, Lent, Recipe};

/// Stashes the pre-activation in the layer's gradient buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiffStash;

impl DiffStash {
    /// For people who choose a strategy.
    pub const ADVICE: Advice = Advice {
        needs: "resident gradient buffers, one shared buffer for the net",
        right_when: "Gradient buffers are resident, as in Caffe, and the slope gradient has to be exact or nothing behind the layer keeps `y`.",
        wrong_when: "Gradient buffers come and go, as in PyTorch: keeping them for the stash costs a full copy, and the shared buffer besides.",
    };
}

impl<T: Element> Recipe<T> for DiffStash {
    const NAME: &'static str = "diff-stash";
    type Codec = Identity;
    type Home = Lent;
}
