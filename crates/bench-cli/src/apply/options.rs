//! The options of `apply`.

use std::path::PathBuf;

use clap::Args;
use prelu_mem_registry::StrategyName;

use crate::options::device::DeviceName;
use crate::options::{strategy, threads, whole};

const EXAMPLES: &str = "\
Examples:
  prelu-mem apply --strategy bitmask --input x.npy --slopes a.npy --upstream g.npy --output-dir out
  prelu-mem apply --strategy adaptive --input x.npy --slopes a.npy --upstream g.npy --axis 3 --output-dir out
  prelu-mem apply --strategy full-copy --input x.npy --slopes a.npy --upstream g.npy --frozen --output-dir out --format json

The arrays are of one type: float16, float32 or float64, in C or Fortran order, and may be empty.
The slopes are one per channel, or a single value that all channels share.

Written into the folder, in C order, all of them or none:
  y.npy   the output: x where x > 0, else slope * x
  dx.npy  the input gradient
  da.npy  the slope gradient, in the shape of the slopes (float32 where the arrays are float16,
          since sums exceed float16's range)";

/// What to compute, from which files.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ApplyOptions {
    /// How the pre-activation is preserved for the backward pass
    #[arg(long, value_name = "NAME", value_parser = strategy::parser())]
    pub(crate) strategy: StrategyName,

    /// The pre-activation x
    #[arg(long, value_name = "X.npy")]
    pub(crate) input: PathBuf,

    /// The negative slopes: one per channel, or a single value for all of them
    #[arg(long, value_name = "A.npy")]
    pub(crate) slopes: PathBuf,

    /// The upstream gradient dL/dy, in the shape of the input
    #[arg(long, value_name = "G.npy")]
    pub(crate) upstream: PathBuf,

    /// The axis of the channels, counted from 0 [default: 1, or 0 for an array of one axis]
    #[arg(long, value_name = "K", value_parser = whole::axis, allow_hyphen_values = true)]
    pub(crate) axis: Option<usize>,

    /// Take the slopes as fixed: no slope gradient is computed, and a da.npy in the folder is removed
    #[arg(long)]
    pub(crate) frozen: bool,

    /// Where to run: cpu, cuda or cuda:I
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceName,

    /// Number of threads, on the processor [default: one per processor]
    #[arg(long, value_name = "N", value_parser = threads::parse, allow_hyphen_values = true)]
    pub(crate) threads: Option<usize>,

    /// The folder to write to; it is made if its parent is there
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: PathBuf,
}
