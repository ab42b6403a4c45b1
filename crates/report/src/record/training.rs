//! `train`: losses, accuracies and memory of a run on the digits.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Kind;
use super::sound::{Sound, Wrong, not_negative, text};
use crate::machine::Machine;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// [`Kind`] of the record.
    pub record: Kind,
    /// The schema: [`super::SCHEMA`].
    pub schema: u32,
    /// Where it was measured.
    pub machine: Machine,
    /// What was asked for.
    pub settings: Settings,
    /// Passes over the training images.
    pub epochs: Vec<Epoch>,
    /// Slopes.
    pub slopes: Vec<Slopes>,
    /// Null where no epoch was finished.
    pub memory: Option<Memory>,
}

/// What was asked for, defaults filled in; null where it has no meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What stands behind every convolution.
    pub activation: String,
    /// The strategy's name.
    pub strategy: Option<String>,
    /// Of diff-stash.
    pub hand_over: Option<String>,
    /// Where slopes started.
    pub slope_init: Option<String>,
    /// Multiplies the slopes' learning rate.
    pub slope_lr_mult: Option<f64>,
    /// Multiplies the slopes' weight decay.
    pub slope_decay_mult: Option<f64>,
    /// Whether a layer has one slope.
    pub shared_slope: Option<bool>,
    /// Of ReLU and leaky ReLU.
    pub fixed_slope: Option<f64>,
    /// `resident` or `transient`.
    pub gradients: String,
    /// Passes over the training images.
    pub epochs: usize,
    /// Items of a batch.
    pub batch: usize,
    /// Of the first epochs.
    pub learning_rate: f64,
    /// Of SGD.
    pub momentum: f64,
    /// Of SGD.
    pub weight_decay: f64,
    /// Element type.
    pub dtype: String,
    /// Of the random numbers.
    pub seed: u64,
    /// Threads of the processor's loops.
    pub threads: usize,
    /// The run that this one goes on with.
    pub resume: Option<String>,
    /// The run whose parameters it started from.
    pub fine_tune: Option<String>,
    /// Of prelu-mem.
    pub version: String,
}

/// One pass over the training images. Losses are mean cross entropies in nats.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1 on.
    pub epoch: usize,
    /// Null where it is infinite or NaN, as the mean.
    pub first_loss: Option<f64>,
    /// Mean of all batches.
    pub mean_loss: Option<f64>,
    /// Share of the test images.
    pub test_accuracy: f64,
    /// Of training and testing.
    pub seconds: f64,
    /// Predicted of a step.
    pub planned_step_bytes: usize,
    /// Counted in the first step.
    pub counted_step_bytes: usize,
}

/// The slopes that one layer ended with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Slopes {
    /// The layer's name.
    pub layer: String,
    /// These are null where a slope is infinite or NaN.
    pub min: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    /// The most.
    pub max: Option<f64>,
    /// How many are below zero.
    pub negative: usize,
    /// Slopes.
    pub slopes: Vec<Option<f64>>,
}

/// Of the epoch whose first step took the most, and of the whole run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Memory {
    /// Its number, from 1 on.
    pub epoch: usize,
    /// Predicted of a step.
    pub planned_step_bytes: usize,
    /// Counted in the first step.
    pub counted_step_bytes: usize,
    /// Whether the two are.
    pub equal: bool,
    /// Where in the step the peak is.
    pub peak_step: String,
    /// What it is made of: bytes by part.
    pub peak_parts: Map<String, Value>,
    /// The most at once in the whole run.
    pub run_peak_bytes: usize,
}

impl Sound for TrainingRecord {
    fn sound(&self) -> Result<(), Wrong> {
        self.machine.sound()?;
        let settings = &self.settings;
        let optional = [&settings.strategy, &settings.hand_over].into_iter().flatten();
        for value in [&settings.activation, &settings.gradients, &settings.dtype, &settings.version]
            .into_iter()
            .chain(optional)
        {
            text("settings", value)?;
        }
        for (index, epoch) in self.epochs.iter().enumerate() {
            // Epochs are places on an axis.
            if index > 0 && epoch.epoch <= self.epochs[index - 1].epoch || epoch.epoch > 1_000_000 {
                return Err(Wrong::new("epochs[].epoch", "ascending numbers are accepted"));
            }
            not_negative("epochs[].mean_loss", epoch.mean_loss.unwrap_or(0.0))?;
            if !(0.0..=1.0).contains(&epoch.test_accuracy) {
                return Err(Wrong::new("epochs[].test_accuracy", "a share of 0 to 1 is accepted"));
            }
        }
        Ok(())
    }
}
