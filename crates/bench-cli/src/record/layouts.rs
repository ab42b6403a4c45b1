//! `layouts`: the share of the memory limit by layout. `scripts/layouts` makes it of many runs of `bench`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sound::{Sound, Wrong, positive, share, text};
use crate::machine::Machine;

/// What the documents use of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LayoutsRecord {
    pub(crate) machine: Machine,
    pub(crate) version: String,
    pub(crate) settings: Settings,
    pub(crate) rows: Vec<Row>,
}

/// What was asked for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    /// `positive` or `mixed`.
    pub(crate) slopes: String,
    /// The SIMD level asked for; null for the best.
    pub(crate) level: Option<String>,
    pub(crate) samples: usize,
    /// Of each tensor; null in cache.
    pub(crate) size_mebibytes: Option<u64>,
}

/// One run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Row {
    pub(crate) layout: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: String,
    pub(crate) threads: usize,
    pub(crate) strategies: BTreeMap<String, Strategy>,
}

/// One strategy in it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Strategy {
    pub(crate) of_limit: Passes,
    pub(crate) seconds: Passes,
}

/// Forward and backward.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Passes {
    pub(crate) forward: Spread,
    pub(crate) backward: Spread,
}

/// The samples in short.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Its three values.
    pub(super) fn values(&self) -> [f64; 3] {
        [self.median, self.min, self.max]
    }
}

impl Sound for LayoutsRecord {
    fn sound(&self) -> Result<(), Wrong> {
        self.machine.sound()?;
        text("version", &self.version)?;
        text("settings.slopes", &self.settings.slopes)?;
        for row in &self.rows {
            text("rows[].layout", &row.layout)?;
            text("rows[].dtype", &row.dtype)?;
            for (name, strategy) in &row.strategies {
                text("rows[].strategies", name)?;
                for pass in [&strategy.of_limit.forward, &strategy.of_limit.backward] {
                    for value in pass.values() {
                        share("rows[].strategies.of_limit", value)?;
                    }
                }
                for pass in [&strategy.seconds.forward, &strategy.seconds.backward] {
                    for value in pass.values() {
                        positive("rows[].strategies.seconds", value)?;
                    }
                }
            }
        }
        Ok(())
    }
}
