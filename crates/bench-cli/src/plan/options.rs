//! The options of `plan`.

use clap::Args;
use prelu_mem_core::Dtype;

use crate::options::gradients::Gradients;
use crate::options::slopes::SlopesSpec;
use crate::options::{bench, budget, slopes};

const ABOUT: &str = "\
Predict the memory of a whole training step, by strategy, and the batch that fits a budget

Nothing is allocated or run. Counted are: every PReLU's tensor, which the layer behind it keeps as its input (a \
convolution does), so that a mask finds y there; the gradients; what PReLUs save; the shared buffer of diff-stash; \
the workspace of PReLU; and, as parameters, the slopes. The networks here are tables of PReLU layers: the weights and \
the workspace of the layers between them, and the network's input, are not known and not counted.

diff-stash is free, but for its one shared buffer, where gradients are resident. Where they are transient its gradient \
buffers have to be there from forward on: it costs as much as a full copy, and the shared buffer besides.";

const EXAMPLES: &str = "\
Examples:
  prelu-mem plan --network iresnet50 --batch 128
  prelu-mem plan --network iresnet50 --batch 128 --budget 8GiB --gradients resident
  prelu-mem plan --network my-net.toml --dtype bf16 --slopes uniform:-0.1,0.4
  prelu-mem plan --network vnet --budget 24GB --format json

Layer K writes the tensor that PReLU K works on in place; both are counted in forward order.
A network file is described in `prelu-mem bench --help`.";

/// What to plan.
#[derive(Debug, Args)]
#[command(about = "Predict the memory of a whole training step, and the batch that fits a budget")]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct PlanOptions {
    #[arg(long, value_name = "NAME|FILE.toml", help = bench::network_help())]
    pub(super) network: Option<String>,

    /// Batch [default: the network's own]
    #[arg(long, value_name = "N", value_parser = bench::parse_batch, allow_hyphen_values = true)]
    pub(super) batch: Option<usize>,

    /// Find the largest batch whose step fits so many bytes: 8GiB, 500MiB, 24GB, ..
    #[arg(long, value_name = "SIZE", value_parser = budget::parse, allow_hyphen_values = true)]
    pub(super) budget: Option<u64>,

    /// How long gradient buffers live [default: both, one after the other]
    #[arg(long, value_enum)]
    pub(super) gradients: Option<Gradients>,

    /// Element type
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = bench::dtype_parser())]
    pub(super) dtype: Dtype,

    /// Slopes: a number, constant:A, uniform:LOW,HIGH, gaussian:MEAN,STD, xavier, msra, or one number per channel: A,B,..
    #[arg(long, value_name = "SPEC", default_value = "0.25", value_parser = slopes::parse, allow_hyphen_values = true)]
    pub(super) slopes: SlopesSpec,

    /// Seed of random slopes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
}
