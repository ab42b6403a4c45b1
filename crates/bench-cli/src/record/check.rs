//! `check`: every strategy, element type and layout against the oracle, and how accurate slope gradients are.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::sound::{Sound, Wrong, not_negative, text};
use crate::machine::Machine;

/// One run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CheckRecord {
    pub(crate) record: Kind,
    pub(crate) schema: u32,
    pub(crate) machine: Machine,
    pub(crate) version: String,
    pub(crate) device: String,
    /// A GPU's name.
    pub(crate) device_name: Option<String>,
    pub(crate) threads: Option<usize>,
    pub(crate) simd: Option<String>,
    /// Whether every case was run.
    pub(crate) complete: bool,
    pub(crate) cases: usize,
    pub(crate) failed: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) accuracy: Vec<Accuracy>,
}

/// One strategy in one element type and one family of layouts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) strategy: String,
    pub(crate) dtype: String,
    pub(crate) layout: String,
    pub(crate) cases: usize,
    pub(crate) elements: usize,
    pub(crate) failed: usize,
    /// The largest error of a slope gradient over its bound, among the cases that held.
    pub(crate) worst_error_of_bound: f64,
    /// What each failed case missed.
    pub(crate) failures: Vec<String>,
}

/// The slope gradient of one strategy in one element type, slope by slope.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Accuracy {
    pub(crate) strategy: String,
    pub(crate) dtype: String,
    /// Elements behind each slope gradient.
    pub(crate) terms: usize,
    /// Slopes, of both signs, in ascending order.
    pub(crate) slopes: Vec<f64>,
    /// By slope: the largest difference from f64 over the largest slope gradient.
    pub(crate) errors: Vec<f64>,
}

impl Sound for CheckRecord {
    fn sound(&self) -> Result<(), Wrong> {
        self.machine.sound()?;
        text("version", &self.version)?;
        text("device", &self.device)?;
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
