//! `bench`: memory and speed of strategies on the layers of a network or on one layer.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::sound::{Sound, Wrong, bytes, not_negative, positive, positive_all, share, text};
use crate::machine::Machine;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BenchRecord {
    /// [`Kind`] of the record.
    pub record: Kind,
    /// The schema: [`super::SCHEMA`].
    pub schema: u32,
    /// Where it was measured.
    pub machine: Machine,
    /// What was asked for.
    pub settings: Settings,
    /// What memory allows.
    pub limits: Limits,
    /// What was found.
    pub rows: Vec<Row>,
}

/// What was asked for, defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// As in `--device`.
    pub device: String,
    /// Element type.
    pub dtype: String,
    /// A network's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Sizes, batch first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// The axis of the channels.
    pub axis: usize,
    /// The first size of every tensor; null where the channels come first.
    pub batch: Option<usize>,
    /// Whether a layer has one slope.
    pub shared_slope: bool,
    /// Null where the device has none to choose.
    pub threads: Option<usize>,
    /// `active` where threads stay awake between passes; absent where they sleep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_policy: Option<String>,
    /// `resident` or `transient`.
    pub gradients: String,
    /// Slopes.
    pub slopes: String,
    /// Of which every sample is the mean.
    pub steps: usize,
    /// Of the random numbers.
    pub seed: u64,
    /// Of prelu-mem.
    pub version: String,
}

/// What memory allows, in billions of bytes per second; null where a run was stopped before the first sample.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limits {
    /// `to = from`, two accesses per element.
    pub copy_gbps: Option<f64>,
    /// `a[i] = a[i] s`, two.
    pub in_place_scale_gbps: Option<f64>,
    /// `g[i] = g[i] s + y[i] t`, three.
    pub in_place_triad_gbps: Option<f64>,
    /// Seconds of every sample, in the order taken.
    pub copy_samples: Vec<f64>,
    /// The same of the scale.
    pub in_place_scale_samples: Vec<f64>,
    /// The same of the triad.
    pub in_place_triad_samples: Vec<f64>,
}

/// What was found about one strategy; sums over all layers where not said otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The strategy's name.
    pub strategy: String,
    /// Null for strategies that stash nothing.
    pub hand_over: Option<String>,
    /// PReLU layers.
    pub layers: usize,
    /// Elements of all their tensors.
    pub elements: u64,
    /// Predicted: alive at the end of forward.
    pub saved_bytes: u64,
    /// Counted at that time.
    pub allocated_bytes: u64,
    /// Of the whole process while every saved state was alive.
    pub resident_bytes: u64,
    /// One buffer for all layers: the largest stash.
    pub shared_buffer_bytes: u64,
    /// The largest of any layer.
    pub workspace_bytes: u64,
    /// Whether any layer's backward reads `y`.
    pub needs_output: bool,
    /// Saved bits over elements.
    pub bits_per_element: f64,
    /// Forward through all layers.
    pub forward_seconds: Summary,
    /// Backward through all layers.
    pub backward_seconds: Summary,
    /// Least necessary bytes over the median, in 10^9 per second.
    pub forward_gbps: f64,
    /// The same of backward.
    pub backward_gbps: f64,
    /// That over the scale's.
    pub forward_of_limit: f64,
    /// That over the triad's.
    pub backward_of_limit: f64,
    /// Whether every input gradient has the oracle's bits.
    pub input_gradient_exact: bool,
    /// The largest error of a slope gradient, over the layer's largest.
    pub slope_gradient_relative_error: f64,
    /// Seconds of every sample, in the order taken.
    pub forward_samples: Vec<f64>,
    /// The same of backward.
    pub backward_samples: Vec<f64>,
}

/// What a report says of samples: seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The middle sample, or the mean of the two in the middle.
    pub median: f64,
    /// The fastest.
    pub min: f64,
    /// The slowest.
    pub max: f64,
    /// How many.
    pub samples: usize,
}

impl Summary {
    /// The summary of `seconds`, or none without samples.
    pub fn of(seconds: &[f64]) -> Option<Self> {
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

    /// Positive, and of these very samples: figures and spreads are drawn from the one and from the others.
    fn sound(&self, name: &str, samples: &[f64]) -> Result<(), Wrong> {
        positive_all(&format!("{name}_samples"), samples)?;
        positive_all(&format!("{name}_seconds"), &[self.min, self.median, self.max])?;
        let Some(of) = Self::of(samples) else {
            let place = format!("{name}_samples");
            return Err(Wrong::new(&place, "none is there, and one or more are accepted"));
        };
        // Either is written with six digits.
        let near = |told: f64, is: f64| (told - is).abs() <= 2e-5 * is;
        for (key, told, is) in [
            ("median", self.median, of.median),
            ("min", self.min, of.min),
            ("max", self.max, of.max),
            ("samples", self.samples as f64, of.samples as f64),
        ] {
            if !near(told, is) {
                let reason = format!("{told} is there, and the samples have {is}");
                return Err(Wrong::new(&format!("{name}_seconds.{key}"), &reason));
            }
        }
        Ok(())
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
            ("settings.slopes", &settings.slopes),
            ("settings.version", &settings.version),
        ] {
            text(name, value)?;
        }
        if let Some(policy) = &settings.wait_policy {
            text("settings.wait_policy", policy)?;
        }
        match (&settings.network, &settings.shape) {
            (Some(network), None) => text("settings.network", network)?,
            (None, Some(shape)) if (1..=8).contains(&shape.len()) => {}
            _ => return Err(Wrong::new("settings", "name a network, or a shape of 1 to 8 sizes")),
        }
        for limit in [self.limits.in_place_scale_gbps, self.limits.in_place_triad_gbps] {
            positive("limits", limit.unwrap_or(1.0))?;
        }
        positive_all("limits.in_place_scale_samples", &self.limits.in_place_scale_samples)?;
        positive_all("limits.in_place_triad_samples", &self.limits.in_place_triad_samples)?;
        if self.rows.is_empty() {
            return Err(Wrong::new("rows", "none is there, and one or more are accepted"));
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
        self.forward_seconds.sound("rows[].forward", &self.forward_samples)?;
        self.backward_seconds.sound("rows[].backward", &self.backward_samples)?;
        bytes("rows[].saved_bytes", self.saved_bytes)?;
        bytes("rows[].shared_buffer_bytes", self.shared_buffer_bytes)?;
        for (name, value) in [
            ("rows[].elements", self.elements as f64),
            ("rows[].forward_gbps", self.forward_gbps),
            ("rows[].backward_gbps", self.backward_gbps),
        ] {
            positive(name, value)?;
        }
        share("rows[].forward_of_limit", self.forward_of_limit)?;
        share("rows[].backward_of_limit", self.backward_of_limit)?;
        not_negative("rows[].slope_gradient_relative_error", self.slope_gradient_relative_error)
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

    #[test]
    fn a_summary_is_of_its_samples() {
        let record: BenchRecord =
            serde_json::from_str(crate::record::samples::BENCH).expect("a sample");
        type Change = fn(&mut BenchRecord);
        let changes: [(Change, &str); 10] = [
            (|r| r.rows.clear(), "rows: none is there"),
            (|r| r.rows[0].forward_gbps = -1e300, "rows[].forward_gbps: -1e300 is there"),
            (|r| r.rows[1].forward_seconds.median *= 2.0, "rows[].forward_seconds.median: 0.003"),
            (|r| r.rows[1].backward_seconds.max *= 2.0, "rows[].backward_seconds.max"),
            (|r| r.rows[1].forward_seconds.samples = 4, "rows[].forward_seconds.samples: 4"),
            (|r| r.rows[0].backward_samples.clear(), "rows[].backward_samples: none"),
            (|r| r.rows[0].saved_bytes = u64::MAX, "rows[].saved_bytes: 18446744073709551615"),
            (|r| r.rows[0].slope_gradient_relative_error = -1.0, "error: -1.0 is there"),
            (|r| r.settings.slopes = "0.3\n# x".into(), "settings.slopes: control"),
            (|r| r.machine.cpu = " ".into(), "machine.cpu: ' '"),
        ];
        assert_eq!(record.sound(), Ok(()));
        for (change, says) in changes {
            let mut record = record.clone();
            change(&mut record);
            let wrong = record.sound().expect_err(says).to_string();
            assert!(wrong.contains(says), "{wrong}");
        }
    }
}
