//! `layouts`: the share of the memory limit by layout. `scripts/layouts` makes it of many runs of `bench`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sound::{Sound, Wrong, positive, share, text};
use crate::machine::Machine;

/// What the documents use of it.
#[derive(Debug, Clone, Deserialize)]
pub struct LayoutsRecord {
    /// Where it was measured.
    pub machine: Machine,
    /// Of prelu-mem.
    pub version: String,
    /// What was asked for.
    pub settings: Settings,
    /// What was found.
    pub rows: Vec<Row>,
}

/// What was asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// `positive` or `mixed`.
    pub slopes: String,
    /// The SIMD level asked for; null for the best.
    pub level: Option<String>,
    /// Samples of each.
    pub samples: usize,
    /// Of each tensor; null in cache.
    pub size_mebibytes: Option<u64>,
}

/// One run.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// The layout's name.
    pub layout: String,
    /// Sizes, batch first.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: String,
    /// Threads of the processor's loops.
    pub threads: usize,
    /// By the strategy's name.
    pub strategies: BTreeMap<String, Strategy>,
}

/// One strategy in it.
#[derive(Debug, Clone, Deserialize)]
pub struct Strategy {
    /// Rate over the limit.
    pub of_limit: Passes,
    /// Time of a pass.
    pub seconds: Passes,
}

/// Forward and backward.
#[derive(Debug, Clone, Deserialize)]
pub struct Passes {
    /// Forward.
    pub forward: Spread,
    /// Backward.
    pub backward: Spread,
}

/// The samples in short.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Spread {
    /// The middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
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
