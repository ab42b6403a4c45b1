//! What `train` prints.

use prelu_mem_core::Cpu;
use prelu_mem_net::train::LearnedSlopes;
use serde_json::{Value, json};

use super::options::TrainOptions;
use super::session::{Finished, Outcome};
use super::settings;
use crate::export::{Grid, Report};
use crate::failure::Failure;
use crate::machine::Machine;

/// One run.
pub(super) struct TrainReport {
    machine: Machine,
    settings: Value,
    title: String,
    outcome: Outcome,
}

impl TrainReport {
    pub(super) fn new(
        options: &TrainOptions,
        cpu: &Cpu,
        outcome: Outcome,
    ) -> Result<Self, Failure> {
        let settings = settings::record(options, cpu.threads());
        let title = settings::title(options);
        Ok(Self { machine: Machine::ask(None)?, settings, title, outcome })
    }
}

impl Report for TrainReport {
    fn json(&self) -> Value {
        json!({
            "schema": 1,
            "machine": self.machine,
            "settings": self.settings,
            "epochs": self.outcome.epochs.iter().map(epoch).collect::<Vec<_>>(),
            "slopes": self.outcome.slopes.iter().map(slopes).collect::<Vec<_>>(),
            "memory": self.largest().map(|finished| memory(finished, self.peak_bytes())),
        })
    }

    fn records(&self) -> Grid {
        let columns = [
            "epoch",
            "first_loss",
            "mean_loss",
            "test_accuracy",
            "seconds",
            "planned_step_bytes",
            "counted_step_bytes",
        ];
        let mut grid = Grid::new("", &columns);
        for finished in &self.outcome.epochs {
            let epoch = &finished.epoch;
            grid.push(vec![
                epoch.epoch.to_string(),
                first_loss(finished).to_string(),
                epoch.mean_loss().to_string(),
                epoch.test_accuracy.to_string(),
                finished.seconds.to_string(),
                finished.planned.peak_bytes().to_string(),
                finished.counted_bytes.to_string(),
            ]);
        }
        grid
    }

    fn tables(&self) -> Vec<Grid> {
        let mut tables = vec![self.epoch_table()];
        if !self.outcome.slopes.is_empty() {
            tables.push(self.slope_table());
        }
        tables.extend(self.largest().map(memory_table));
        tables
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "Losses are mean cross entropies in nats; the first one is that of the epoch's first batch.".to_owned(),
        ];
        if !self.outcome.epochs.is_empty() {
            let off = self.outcome.epochs.iter().filter(|finished| !finished.as_planned()).count();
            notes.push(match off {
                0 => {
                    "The first step of every epoch took exactly the bytes that were planned for it."
                        .into()
                }
                off => format!(
                    "The first step of {off} epochs did NOT take the bytes that were planned."
                ),
            });
            notes.push(format!("The whole run took {} bytes at most.", self.peak_bytes()));
        }
        notes
    }
}

impl TrainReport {
    /// The first epoch whose first step took the most memory.
    fn largest(&self) -> Option<&Finished> {
        self.outcome.epochs.iter().rev().max_by_key(|finished| finished.counted_bytes)
    }

    /// The most bytes at once in the whole run.
    fn peak_bytes(&self) -> usize {
        self.outcome.epochs.iter().map(|finished| finished.most_bytes).max().unwrap_or(0)
    }

    fn epoch_table(&self) -> Grid {
        let title = format!("Digits: {}", self.title);
        let columns =
            ["epoch", "first loss", "mean loss", "test accuracy %", "seconds", "step KiB"];
        let mut grid = Grid::new(&title, &columns);
        for finished in &self.outcome.epochs {
            let epoch = &finished.epoch;
            grid.push(vec![
                epoch.epoch.to_string(),
                format!("{:.4}", first_loss(finished)),
                format!("{:.4}", epoch.mean_loss()),
                format!("{:.2}", 100.0 * epoch.test_accuracy),
                format!("{:.2}", finished.seconds),
                kibibytes(finished.counted_bytes),
            ]);
        }
        grid
    }

    fn slope_table(&self) -> Grid {
        let mut grid =
            Grid::new("Slopes", &["layer", "number", "smallest", "mean", "largest", "negative"]);
        for layer in &self.outcome.slopes {
            let summary = Summary::of(&layer.slopes);
            grid.push(vec![
                layer.layer.clone(),
                layer.slopes.len().to_string(),
                format!("{:.4}", summary.min),
                format!("{:.4}", summary.mean),
                format!("{:.4}", summary.max),
                summary.negative.to_string(),
            ]);
        }
        grid
    }
}

fn memory_table(finished: &Finished) -> Grid {
    let (step, parts) = finished.planned.peak();
    let number = finished.epoch.epoch;
    let title = format!("Memory of a step at its peak, {step}, in epoch {number}");
    let mut grid = Grid::new(&title, &["part", "KiB"]);
    for (part, bytes) in parts.named() {
        grid.push(vec![part.to_owned(), kibibytes(bytes)]);
    }
    grid.push(vec!["all together".to_owned(), kibibytes(parts.total())]);
    grid
}

fn kibibytes(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1024.0)
}

fn first_loss(finished: &Finished) -> f64 {
    finished.epoch.losses.first().copied().unwrap_or(f64::NAN)
}

fn epoch(finished: &Finished) -> Value {
    json!({
        "epoch": finished.epoch.epoch,
        "first_loss": first_loss(finished),
        "mean_loss": finished.epoch.mean_loss(),
        "test_accuracy": finished.epoch.test_accuracy,
        "seconds": finished.seconds,
        "planned_step_bytes": finished.planned.peak_bytes(),
        "counted_step_bytes": finished.counted_bytes,
    })
}

fn slopes(layer: &LearnedSlopes) -> Value {
    let summary = Summary::of(&layer.slopes);
    json!({
        "layer": layer.layer,
        "min": summary.min,
        "mean": summary.mean,
        "max": summary.max,
        "negative": summary.negative,
        "slopes": layer.slopes,
    })
}

/// Of the epoch whose first step took the most, and of the whole run.
fn memory(finished: &Finished, run_peak_bytes: usize) -> Value {
    let (step, parts) = finished.planned.peak();
    let parts: serde_json::Map<String, Value> =
        parts.named().iter().map(|(name, bytes)| (key(name), json!(bytes))).collect();
    json!({
        "epoch": finished.epoch.epoch,
        "planned_step_bytes": finished.planned.peak_bytes(),
        "counted_step_bytes": finished.counted_bytes,
        "equal": finished.as_planned(),
        "peak_step": step.to_string(),
        "peak_parts": parts,
        "run_peak_bytes": run_peak_bytes,
    })
}

fn key(name: &str) -> String {
    format!("{}_bytes", name.replace(' ', "_"))
}

/// Slopes of one layer, in short.
struct Summary {
    min: f64,
    mean: f64,
    max: f64,
    negative: usize,
}

impl Summary {
    fn of(slopes: &[f64]) -> Self {
        Self {
            min: slopes.iter().copied().fold(f64::INFINITY, f64::min),
            mean: slopes.iter().sum::<f64>() / slopes.len() as f64,
            max: slopes.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            negative: slopes.iter().filter(|&&slope| slope < 0.0).count(),
        }
    }
}
