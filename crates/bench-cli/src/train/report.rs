//! What `train` prints.

use prelu_mem_net::train::LearnedSlopes;
use serde_json::{Value, json};

use super::options::TrainOptions;
use super::session::{Finished, Outcome};
use super::settings;
use crate::export::{Grid, Report};
use prelu_mem_report::machine::Machine;
use prelu_mem_report::record::training::{Epoch, Memory, Settings, Slopes, TrainingRecord};
use prelu_mem_report::record::{Kind, SCHEMA};

/// One run.
pub(super) struct TrainReport {
    title: String,
    outcome: Outcome,
    record: TrainingRecord,
}

impl TrainReport {
    pub(super) fn new(
        options: &TrainOptions,
        (machine, settings): (Machine, Settings),
        outcome: Outcome,
    ) -> Self {
        let record = TrainingRecord {
            record: Kind::Training,
            schema: SCHEMA,
            machine,
            settings,
            epochs: outcome.epochs.iter().map(epoch).collect(),
            slopes: outcome.slopes.iter().map(slopes).collect(),
            memory: largest(&outcome).map(|finished| memory(finished, peak_bytes(&outcome))),
        };
        Self { title: settings::title(options), outcome, record }
    }

    /// As programs read it.
    pub(super) fn record(&self) -> &TrainingRecord {
        &self.record
    }
}

impl Report for TrainReport {
    fn json(&self) -> Value {
        json!(self.record)
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
        tables.extend(largest(&self.outcome).map(memory_table));
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
            notes.push(format!("The whole run took {} bytes at most.", peak_bytes(&self.outcome)));
        }
        notes
    }
}

impl TrainReport {
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

/// The first epoch whose first step took the most memory.
fn largest(outcome: &Outcome) -> Option<&Finished> {
    outcome.epochs.iter().rev().max_by_key(|finished| finished.counted_bytes)
}

/// The most bytes at once in the whole run.
fn peak_bytes(outcome: &Outcome) -> usize {
    outcome.epochs.iter().map(|finished| finished.most_bytes).max().unwrap_or(0)
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

fn epoch(finished: &Finished) -> Epoch {
    Epoch {
        epoch: finished.epoch.epoch,
        first_loss: finite(first_loss(finished)),
        mean_loss: finite(finished.epoch.mean_loss()),
        test_accuracy: finished.epoch.test_accuracy,
        seconds: finished.seconds,
        planned_step_bytes: finished.planned.peak_bytes(),
        counted_step_bytes: finished.counted_bytes,
    }
}

fn slopes(layer: &LearnedSlopes) -> Slopes {
    let summary = Summary::of(&layer.slopes);
    Slopes {
        layer: layer.layer.clone(),
        min: finite(summary.min),
        mean: finite(summary.mean),
        max: finite(summary.max),
        negative: summary.negative,
        slopes: layer.slopes.iter().copied().map(finite).collect(),
    }
}

fn memory(finished: &Finished, run_peak_bytes: usize) -> Memory {
    let (step, parts) = finished.planned.peak();
    Memory {
        epoch: finished.epoch.epoch,
        planned_step_bytes: finished.planned.peak_bytes(),
        counted_step_bytes: finished.counted_bytes,
        equal: finished.as_planned(),
        peak_step: step.to_string(),
        peak_parts: parts.named().iter().map(|(name, bytes)| (key(name), json!(bytes))).collect(),
        run_peak_bytes,
    }
}

/// JSON has no other numbers.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
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
