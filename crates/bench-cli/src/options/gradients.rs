//! `--gradients resident|transient`.

use clap::ValueEnum;

/// How long gradient buffers live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Gradients {
    /// One per layer, allocated before the first step (Caffe's way): a stash waits there for nothing
    Resident,
    /// Allocated when first written, freed when last read (PyTorch's way): a stash needs them from forward on, and
    /// costs as much as a full copy
    Transient,
}

impl Gradients {
    /// The name users write.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Gradients::Resident => "resident",
            Gradients::Transient => "transient",
        }
    }
}
