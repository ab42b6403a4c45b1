//! `--wait-policy passive|active`.

use clap::ValueEnum;
use prelu_mem_core::cpu;

/// What threads do between two passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitPolicy {
    /// They sleep: other programs may have the cores
    Passive,
    /// They stay awake for some milliseconds: a small layer begins at once, and the cores are busy meanwhile
    Active,
}

impl From<WaitPolicy> for cpu::WaitPolicy {
    fn from(policy: WaitPolicy) -> Self {
        match policy {
            WaitPolicy::Passive => cpu::WaitPolicy::Passive,
            WaitPolicy::Active => cpu::WaitPolicy::Active,
        }
    }
}
