//! `bench`: memory and speed of strategies on the layers of a network or on one layer.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::sound::{Sound, Wrong, positive, positive_all, share, text};
use crate::machine::Machine;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BenchRecord {
    pub(crate) record: Kind,
    pub(crate) schema: u32,
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) rows: Vec<Row>,
}

/// What was asked for, defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) device: String,
    pub(crate) dtype: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shape: Option<Vec<usize>>,
    pub(crate) axis: usize,
    /// The first size of every tensor; null where the channels come first.
    pub(crate) batch: Option<usize>,
    pub(crate) shared_slope: bool,
    /// Null where the device has none to choose.
    pub(crate) threads: Option<usize>,
    pub(crate) gradients: String,
    pub(crate) slopes: String,
    /// Of which every sample is the mean.
    pub(crate) steps: usize,
    pub(crate) seed: u64,
    pub(crate) version: String,
}

/// What memory allows, in billions of bytes per second; null where a run was stopped before the first sample.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) copy_gbps: Option<f64>,
    pub(crate) in_place_scale_gbps: Option<f64>,
    pub(crate) in_place_triad_gbps: Option<f64>,
    /// Seconds of every sample, in the order taken.
    pub(crate) copy_samples: Vec<f64>,
    pub(crate) in_place_scale_samples: Vec<f64>,
    pub(crate) in_place_triad_samples: Vec<f64>,
}

/// What was found about one strategy; sums over all layers where not said otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) strategy: String,
    /// Null for strategies that stash nothing.
    pub(crate) hand_over: Option<String>,
    pub(crate) layers: usize,
    pub(crate) elements: u64,
    pub(crate) saved_bytes: u64,
    pub(crate) allocated_bytes: u64,
    /// Of the whole process while every saved state was alive.
    pub(crate) resident_bytes: u64,
    /// One buffer for all layers: the largest stash.
    pub(crate) shared_buffer_bytes: u64,
    /// The largest of any layer.
    pub(crate) workspace_bytes: u64,
    /// Whether any layer's backward reads `y`.
    pub(crate) needs_output: bool,
    pub(crate) bits_per_element: f64,
    pub(crate) forward_seconds: Summary,
    pub(crate) backward_seconds: Summary,
    pub(crate) forward_gbps: f64,
    pub(crate) backward_gbps: f64,
    pub(crate) forward_of_limit: f64,
    pub(crate) backward_of_limit: f64,
    pub(crate) input_gradient_exact: bool,
    pub(crate) slope_gradient_relative_error: f64,
    /// Seconds of every sample, in the order taken.
    pub(crate) forward_samples: Vec<f64>,
    pub(crate) backward_samples: Vec<f64>,
}

/// What a report says of samples: seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// The middle sample, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The fastest.
    pub(crate) min: f64,
    /// The slowest.
    pub(crate) max: f64,
    /// How many.
    pub(crate) samples: usize,
}

impl Summary {
    /// The summary of `seconds`, or none without samples.
    pub(crate) fn of(seconds: &[f64]) -> Option<Self> {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Some(Self { median, min, max, samples: sorted.len() })
    }

    fn sound(&self, name: &str) -> Result<(), Wrong> {
        positive_all(name, &[self.min, self.median, self.max])?;
        if self.min <= self.median && self.median <= self.max {
            Ok(())
        } else {
            Err(Wrong::new(name, "its median is not between min and max"))
        }
    }
}

impl Sound for BenchRecord {
    fn sound(&self) -> Result<(), Wrong> {
        self.machine.sound()?;
        let settings = &self.settings;
        for (name, value) in [
            ("settings.device", &settings.device),
            ("settings.dtype", &settings.dtype),
            ("settings.gradients", &settings.gradients),
            ("settings.version", &settings.version),
        ] {
            text(name, value)?;
        }
        match (&settings.network, &settings.shape) {
            (Some(network), None) => text("settings.network", network)?,
            (None, Some(shape)) if (1..=8).contains(&shape.len()) => {}
            _ => return Err(Wrong::new("settings", "name a network, or a shape of 1 to 8 sizes")),
        }
        for limit in [self.limits.in_place_scale_gbps, self.limits.in_place_triad_gbps] {
            positive("limits", limit.unwrap_or(1.0))?;
        }
        self.rows.iter().try_for_each(Row::sound)
    }
}

impl Row {
    fn sound(&self) -> Result<(), Wrong> {
        text("rows[].strategy", &self.strategy)?;
        if let Some(way) = &self.hand_over {
            text("rows[].hand_over", way)?;
        }
        self.forward_seconds.sound("rows[].forward_seconds")?;
        self.backward_seconds.sound("rows[].backward_seconds")?;
        positive_all(
            "rows[]",
            &[self.elements as f64, self.forward_gbps, self.backward_gbps],
        )?;
        share("rows[].forward_of_limit", self.forward_of_limit)?;
        share("rows[].backward_of_limit", self.backward_of_limit)?;
        positive_all("rows[].forward_samples", &self.forward_samples)?;
        positive_all("rows[].backward_samples", &self.backward_samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let of = |median, min, max, samples| Some(Summary { median, min, max, samples });
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[2.0]), of(2.0, 2.0, 2.0, 1));
        assert_eq!(Summary::of(&[9.0, 1.0, 2.0]), of(2.0, 1.0, 9.0, 3));
        assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 9.0]), of(3.0, 1.0, 9.0, 4));
    }
}
