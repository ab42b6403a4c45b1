//! `--hand-over copy|direct`.

use clap::ValueEnum;

/// How diff-stash brings the stash and the upstream gradient together in backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HandOver {
    /// The stash is copied to the shared buffer, and the upstream gradient is written where it was
    Copy,
    /// The upstream gradient is written to the shared buffer, and the input gradient over the stash
    Direct,
}

impl HandOver {
    /// The name users write.
    pub(crate) fn name(self) -> &'static str {
        match self {
            HandOver::Copy => "copy",
            HandOver::Direct => "direct",
        }
    }
}
