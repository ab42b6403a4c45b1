//! The command line: which commands there are, and the options that all of them take.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::apply::ApplyOptions;
use crate::check::CheckOptions;
use crate::export::Format;
use crate::options::bench::BenchOptions;
use crate::plan::PlanOptions;
use crate::report::ReportOptions;
use crate::train::TrainOptions;

const EXAMPLES: &str = "\
Examples:
  prelu-mem bench --strategy bitmask          memory and speed of iresnet50's PReLU layers
  prelu-mem bench --format json --output bench.json
  prelu-mem apply --strategy adaptive --input x.npy --slopes a.npy --upstream g.npy --output-dir out
  prelu-mem plan --batch 128 --budget 8GiB    memory of a training step, and the batch that fits
  prelu-mem check                             every strategy, type and layout against an oracle
  prelu-mem train --strategy diff-stash       a small net on handwritten digits
  prelu-mem report                            comparison documents, of measured records
  prelu-mem info                              what this machine offers

Exit status: 0 success, 1 a failed check or run, 2 a command line or input that cannot be used, 130 stopped by Ctrl-C.
Results go to standard output; progress and warnings go to standard error.";

/// Measures how much memory PReLU's backward pass needs, and how fast it is, by strategy.
#[derive(Debug, Parser)]
#[command(name = "prelu-mem", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// How results are written [default: table]
    #[arg(long, global = true, value_enum, hide_default_value = true)]
    pub(crate) format: Option<Format>,

    /// Write results to FILE instead of standard output; an existing file is replaced whole
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure memory and speed on the PReLU layers of a network or on one shape
    Bench(BenchOptions),
    Plan(PlanOptions),
    /// Run one forward and one backward pass on NumPy arrays of your own
    Apply(ApplyOptions),
    /// Hold every strategy, element type and layout against an oracle, on this machine
    Check(CheckOptions),
    /// Train a small convolutional network on handwritten digits, with PReLU by any strategy
    Train(TrainOptions),
    Report(ReportOptions),
    /// Show the processor, memory and CUDA devices that a run would use
    #[command(after_help = "Examples:\n  prelu-mem info\n  prelu-mem info --format json")]
    Info,
    /// Write the completion script of a shell
    #[command(
        after_help = "Examples:\n  prelu-mem completions bash > ~/.local/share/bash-completion/completions/prelu-mem\n  prelu-mem completions fish --output ~/.config/fish/completions/prelu-mem.fish"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}
