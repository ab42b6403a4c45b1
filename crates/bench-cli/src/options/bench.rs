//! The options of `bench`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use prelu_mem_core::Dtype;
use prelu_mem_registry::StrategyName;

use super::device::DeviceName;
pub(crate) use super::gradients::Gradients;
use super::hand_over::HandOver;
use super::record::RecordOptions;
use super::shape::Shape;
use super::slopes::SlopesSpec;
use super::wait_policy::WaitPolicy;
use super::{shape, slopes, strategy, threads, whole};
use crate::network;

const EXAMPLES: &str = "\
Examples:
  prelu-mem bench                                          all strategies on iresnet50
  prelu-mem bench --strategy bitmask                       bitmask beside full-copy, the baseline
  prelu-mem bench --network vnet --dtype f16 --batch 2
  prelu-mem bench --network my-net.toml
  prelu-mem bench --shape 32,64,56,56 --slopes 0.3 --threads 1
  prelu-mem bench --shape 32,56,56,64 --axis 3             channels last
  prelu-mem bench --shape 1,64,28,28 --threads 1 --steps 100    in cache
  prelu-mem bench --slopes uniform:-0.1,0.4 --strategy adaptive --strategy output-sign
  prelu-mem bench --strategy diff-stash --gradients transient
  prelu-mem bench --strategy diff-stash --hand-over copy --hand-over direct
  prelu-mem bench --device cuda --batch 128 --dtype f16
  prelu-mem bench --format csv --output bench.csv
  prelu-mem bench --threads 1 --record                     and its record, for prelu-mem report

A network file lists layers in forward order:
  [[layer]]
  repeat = 3               # optional: 1
  shape = [64, 56, 56]     # channels, then space; no batch
Above the layers, optionally: name = \"my-net\", batch = 8, shared-slope = true.

A record is the object of --format json. It is called after its settings: the same run replaces it, and nothing else does. A run
that fails or is stopped leaves none.

Ctrl-C stops after the current sample and prints the finished rows (exit status 130).";

/// What to measure, and where.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchOptions {
    /// Strategy to measure, may be repeated; full-copy runs beside it [default: all]
    #[arg(long, value_name = "NAME", value_parser = strategy::parser())]
    pub(crate) strategy: Vec<StrategyName>,

    #[arg(long, value_name = "NAME|FILE.toml", help = network_help(), conflicts_with = "shape")]
    pub(crate) network: Option<String>,

    /// One layer of this shape instead of a network: 1 to 8 sizes, batch first
    #[arg(long, value_name = "N,C,D1,..", value_parser = shape::parse, allow_hyphen_values = true)]
    pub(crate) shape: Option<Shape>,

    /// The axis of the channels, counted from 0 [default: 1, or 0 for a shape of one size]
    #[arg(long, value_name = "K", value_parser = whole::axis, allow_hyphen_values = true)]
    pub(crate) axis: Option<usize>,

    /// One slope for all channels of a layer
    #[arg(long)]
    pub(crate) shared_slope: bool,

    /// Slopes: a number, constant:A, uniform:LOW,HIGH, gaussian:MEAN,STD, xavier, msra, or one number per channel: A,B,..
    #[arg(long, value_name = "SPEC", default_value = "0.25", value_parser = slopes::parse, allow_hyphen_values = true)]
    pub(crate) slopes: SlopesSpec,

    /// Element type
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = dtype_parser())]
    pub(crate) dtype: Dtype,

    /// Where to run: cpu, cuda or cuda:I
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceName,

    /// Number of threads, on the processor [default: one per processor]
    #[arg(long, value_name = "N", value_parser = threads::parse, allow_hyphen_values = true)]
    pub(crate) threads: Option<usize>,

    /// What threads do between two passes [default: passive]
    #[arg(long, value_enum)]
    pub(crate) wait_policy: Option<WaitPolicy>,

    /// How long gradient buffers live
    #[arg(long, value_enum, default_value = "resident")]
    pub(crate) gradients: Gradients,

    /// How diff-stash hands a stash over; given twice, both are measured [default: direct]
    #[arg(long, value_enum)]
    pub(crate) hand_over: Vec<HandOver>,

    /// Batch of the network [default: the network's own]
    #[arg(long, value_name = "N", value_parser = parse_batch, conflicts_with = "shape", allow_hyphen_values = true)]
    pub(crate) batch: Option<usize>,

    /// Take exactly N samples [default: 5 to 50, for about six seconds]
    #[arg(long, value_name = "N", value_parser = parse_samples, allow_hyphen_values = true)]
    pub(crate) samples: Option<usize>,

    /// Make every sample the mean of N steps: for tensors that fit a cache
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_steps, allow_hyphen_values = true)]
    pub(crate) steps: usize,

    /// Seed of the random tensors and slopes
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::seed, allow_hyphen_values = true)]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) record: RecordOptions,
}

pub(crate) fn network_help() -> String {
    format!(
        "Network, of its PReLU layers: {}, or a TOML file [default: iresnet50]",
        network::names().join(", ")
    )
}

pub(crate) fn dtype_parser() -> impl TypedValueParser<Value = Dtype> {
    PossibleValuesParser::new(["f32", "f64", "f16", "bf16"]).try_map(|name| name.parse::<Dtype>())
}

pub(crate) fn parse_batch(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a batch of 0 leaves nothing to measure; give 1 or more".into()),
        Ok(batch) => Ok(batch),
        Err(_) => Err("give a whole number of 1 or more".into()),
    }
}

fn parse_samples(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(samples @ 1..=10_000) => Ok(samples),
        _ => Err("give a number of samples from 1 to 10000".into()),
    }
}

fn parse_steps(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(steps @ 1..=1_000) => Ok(steps),
        _ => Err("give a number of steps from 1 to 1000".into()),
    }
}
