//! The options of `train`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use prelu_mem_core::{Dtype, Filler};
use prelu_mem_registry::StrategyName;

use super::numbers;
use crate::options::gradients::Gradients;
use crate::options::hand_over::HandOver;
use crate::options::record::RecordOptions;
use crate::options::{strategy, threads};

const EXAMPLES: &str = "\
Examples:
  prelu-mem train                                            PReLU, its pre-activation stashed
  prelu-mem train --strategy adaptive --gradients transient
  prelu-mem train --curves curves --save run.safetensors     loss and accuracy drawn, the run saved
  prelu-mem train --activation leaky-relu --leaky-slope 0.1
  prelu-mem train --slope-init 0.1 --slope-lr-mult 0         the same losses, bit for bit
  prelu-mem train --epochs 12 --stop-after 6 --save run.safetensors
  prelu-mem train --epochs 12 --resume run.safetensors       the other six, as if never stopped
  prelu-mem train --fine-tune relu.safetensors --slope-init 0
  prelu-mem train --strategy bitmask --record                and the record, for prelu-mem report

The data are 1,797 handwritten digits of 8x8 pixels that come with the program: every sixth one is
for testing. The network has three 3x3 convolutions and one of 2x2, each with an activation behind
it, two poolings and an inner product. The learning rate is divided by 10 after two thirds of
--epochs. The same options give the same losses, bit for bit, with any number of threads.

The first training step's memory is counted and compared with what was planned for it; exit status
1 if they differ. Ctrl-C stops after the current epoch, and prints and saves what was finished
(exit status 130).";

/// What stands behind every convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ActivationName {
    /// Learned slopes, in place: see --strategy
    Prelu,
    /// Slope 0, in place
    Relu,
    /// One fixed slope, in place: see --leaky-slope
    LeakyRelu,
    /// Learned slopes; the output has memory of its own
    PreluOutOfPlace,
    /// PReLU of five layers: ReLU, a scale by -1, ReLU, a 1x1 convolution by channel, a sum
    Composition,
}

impl ActivationName {
    /// The name users write.
    pub(super) fn name(self) -> &'static str {
        match self {
            ActivationName::Prelu => "prelu",
            ActivationName::Relu => "relu",
            ActivationName::LeakyRelu => "leaky-relu",
            ActivationName::PreluOutOfPlace => "prelu-out-of-place",
            ActivationName::Composition => "composition",
        }
    }
}

/// What to train, and what to keep of it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TrainOptions {
    /// What stands behind every convolution
    #[arg(long, value_enum, value_name = "NAME", default_value = "prelu")]
    pub(super) activation: ActivationName,

    /// How PReLU's pre-activation is preserved [default: diff-stash]
    #[arg(long, value_name = "NAME", value_parser = strategy::parser())]
    pub(super) strategy: Option<StrategyName>,

    /// How diff-stash gets its stash to the backward pass [default: direct]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(super) hand_over: Option<HandOver>,

    /// First slopes: a number, constant:A, uniform:LOW,HIGH, gaussian:MEAN,STD, xavier or msra [default: 0.25]
    #[arg(long, value_name = "FILLER", value_parser = numbers::filler, allow_hyphen_values = true)]
    pub(super) slope_init: Option<Filler>,

    /// Multiplies the learning rate of the slopes; 0 freezes them [default: 1]
    #[arg(long, value_name = "X", value_parser = numbers::not_negative, allow_hyphen_values = true)]
    pub(super) slope_lr_mult: Option<f64>,

    /// Multiplies the weight decay of the slopes [default: 0]
    #[arg(long, value_name = "X", value_parser = numbers::not_negative, allow_hyphen_values = true)]
    pub(super) slope_decay_mult: Option<f64>,

    /// One slope for all channels of a layer
    #[arg(long)]
    pub(super) shared_slope: bool,

    /// The slope of leaky-relu [default: 0.1]
    #[arg(long, value_name = "A", value_parser = numbers::finite, allow_hyphen_values = true)]
    pub(super) leaky_slope: Option<f64>,

    /// How long gradient buffers live
    #[arg(long, value_enum, default_value = "resident")]
    pub(super) gradients: Gradients,

    /// Passes over the training images
    #[arg(long, value_name = "N", value_parser = numbers::epochs, default_value_t = 12, allow_hyphen_values = true)]
    pub(super) epochs: usize,

    /// Stop after this epoch of --epochs; --resume does the others
    #[arg(long, value_name = "N", value_parser = numbers::epochs, allow_hyphen_values = true)]
    pub(super) stop_after: Option<usize>,

    /// Images per step
    #[arg(long, value_name = "N", value_parser = numbers::batch, default_value_t = 32, allow_hyphen_values = true)]
    pub(super) batch: usize,

    /// Learning rate
    #[arg(long, value_name = "X", value_parser = numbers::not_negative, default_value_t = 0.02, allow_hyphen_values = true)]
    pub(super) learning_rate: f64,

    /// Share of the last update that is done again: 0 or more, less than 1
    #[arg(long, value_name = "X", value_parser = numbers::momentum, default_value_t = 0.9, allow_hyphen_values = true)]
    pub(super) momentum: f64,

    /// Pull of all weights towards zero
    #[arg(long, value_name = "X", value_parser = numbers::not_negative, default_value_t = 0.002, allow_hyphen_values = true)]
    pub(super) weight_decay: f64,

    /// Element type of the network
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = dtype_parser())]
    pub(super) dtype: Dtype,

    /// Seed of the first parameters and of the order of the images
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,

    /// Number of threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = threads::parse, allow_hyphen_values = true)]
    pub(super) threads: Option<usize>,

    /// Save the run to FILE (safetensors) after every epoch; an existing file is replaced whole
    #[arg(long, value_name = "FILE")]
    pub(super) save: Option<PathBuf>,

    /// Go on with the run that --save wrote to FILE; the other options have to be as they were
    #[arg(long, value_name = "FILE")]
    pub(super) resume: Option<PathBuf>,

    /// Start from the parameters in FILE, which --save wrote; slopes that it lacks start from --slope-init
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) fine_tune: Option<PathBuf>,

    /// Write steps.csv, epochs.csv and curves.svg into the folder DIR; it is made if its parent is there. With --resume they show the resumed epochs
    #[arg(long, value_name = "DIR")]
    pub(super) curves: Option<PathBuf>,

    #[command(flatten)]
    pub(super) record: RecordOptions,
}

fn dtype_parser() -> impl TypedValueParser<Value = Dtype> {
    PossibleValuesParser::new(["f32", "f64"]).try_map(|name| name.parse::<Dtype>())
}
