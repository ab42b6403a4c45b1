//! `train`: losses, accuracies and memory of a run on the digits.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Kind;
use super::sound::{Sound, Wrong, not_negative, text};
use crate::machine::Machine;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TrainingRecord {
    pub(crate) record: Kind,
    pub(crate) schema: u32,
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) slopes: Vec<Slopes>,
    /// Null where no epoch was finished.
    pub(crate) memory: Option<Memory>,
}

/// What was asked for, defaults filled in; null where it has no meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) activation: String,
    pub(crate) strategy: Option<String>,
    pub(crate) hand_over: Option<String>,
    pub(crate) slope_init: Option<String>,
    pub(crate) slope_lr_mult: Option<f64>,
    pub(crate) slope_decay_mult: Option<f64>,
    pub(crate) shared_slope: Option<bool>,
    pub(crate) fixed_slope: Option<f64>,
    pub(crate) gradients: String,
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f64,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    pub(crate) dtype: String,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    pub(crate) resume: Option<String>,
    pub(crate) fine_tune: Option<String>,
    pub(crate) version: String,
}

/// One pass over the training images. Losses are mean cross entropies in nats.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Epoch {
    pub(crate) epoch: usize,
    /// Null where it is infinite or NaN, as the mean.
    pub(crate) first_loss: Option<f64>,
    pub(crate) mean_loss: Option<f64>,
    /// Share of the test images.
    pub(crate) test_accuracy: f64,
    /// Of training and testing.
    pub(crate) seconds: f64,
    pub(crate) planned_step_bytes: usize,
    pub(crate) counted_step_bytes: usize,
}

/// The slopes that one layer ended with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Slopes {
    pub(crate) layer: String,
    /// These are null where a slope is infinite or NaN.
    pub(crate) min: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) negative: usize,
    pub(crate) slopes: Vec<Option<f64>>,
}

/// Of the epoch whose first step took the most, and of the whole run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) epoch: usize,
    pub(crate) planned_step_bytes: usize,
    pub(crate) counted_step_bytes: usize,
    pub(crate) equal: bool,
    pub(crate) peak_step: String,
    pub(crate) peak_parts: Map<String, Value>,
    pub(crate) run_peak_bytes: usize,
}

impl Sound for TrainingRecord {
    fn sound(&self) -> Result<(), Wrong> {
        self.machine.sound()?;
        let settings = &self.settings;
        let optional = [&settings.strategy, &settings.hand_over].into_iter().flatten();
        for value in
            [&settings.activation, &settings.gradients, &settings.dtype, &settings.version]
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
