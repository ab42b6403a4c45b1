//! `check`: every strategy, element type and layout against the oracle, and how accurate slope gradients are.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::sound::{Sound, Wrong, not_negative, text};
use crate::machine::Machine;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckRecord {
    /// [`Kind`] of the record.
    pub record: Kind,
    /// The schema: [`super::SCHEMA`].
    pub schema: u32,
    /// Where it was measured.
    pub machine: Machine,
    /// Of prelu-mem.
    pub version: String,
    /// As in `--device`.
    pub device: String,
    /// A GPU's name.
    pub device_name: Option<String>,
    /// Threads of the processor's loops.
    pub threads: Option<usize>,
    /// The SIMD level of the processor's loops.
    pub simd: Option<String>,
    /// Whether every case was run.
    pub complete: bool,
    /// Cases run.
    pub cases: usize,
    /// Cases that did not hold.
    pub failed: usize,
    /// What was found.
    pub rows: Vec<Row>,
    /// Slope gradients by slope.
    pub accuracy: Vec<Accuracy>,
}

/// One strategy in one element type and one family of layouts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The strategy's name.
    pub strategy: String,
    /// Element type.
    pub dtype: String,
    /// The layout's name.
    pub layout: String,
    /// Cases run.
    pub cases: usize,
    /// Elements of all their tensors.
    pub elements: usize,
    /// Cases that did not hold.
    pub failed: usize,
    /// The largest error of a slope gradient over its bound, among the cases that held.
    pub worst_error_of_bound: f64,
    /// What each failed case missed.
    pub failures: Vec<String>,
}

/// The slope gradient of one strategy in one element type, slope by slope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accuracy {
    /// The strategy's name.
    pub strategy: String,
    /// Element type.
    pub dtype: String,
    /// Elements behind each slope gradient.
    pub terms: usize,
    /// Slopes, of both signs, in ascending order.
    pub slopes: Vec<f64>,
    /// By slope: the largest difference from f64 over the largest slope gradient.
    pub errors: Vec<f64>,
}

impl Sound for CheckRecord {
    fn sound(&self) -> Result<(), Wrong> {
        self.machine.sound()?;
        if !self.complete {
            let reason = "false is there, and a run of all cases is accepted";
            return Err(Wrong::new("complete", reason));
        }
        text("version", &self.version)?;
        text("device", &self.device)?;
        for value in [&self.device_name, &self.simd].into_iter().flatten() {
            text("device_name, simd", value)?;
        }
        for row in &self.rows {
            for value in [&row.strategy, &row.dtype, &row.layout] {
                text("rows[]", value)?;
            }
            not_negative("rows[].worst_error_of_bound", row.worst_error_of_bound)?;
        }
        for row in &self.accuracy {
            text("accuracy[].strategy", &row.strategy)?;
            text("accuracy[].dtype", &row.dtype)?;
            if row.slopes.len() != row.errors.len() {
                return Err(Wrong::new("accuracy[]", "as many errors as slopes are accepted"));
            }
            for slope in &row.slopes {
                not_negative("accuracy[].slopes", slope.abs())?;
            }
            for error in &row.errors {
                not_negative("accuracy[].errors", *error)?;
            }
        }
        Ok(())
    }
}
