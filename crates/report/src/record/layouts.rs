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

    /// Whether the middle is between the ends, and every value is what `value` takes.
    pub(super) fn sound(
        &self,
        place: &str,
        value: fn(&str, f64) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.values().into_iter().try_for_each(|one| value(place, one))?;
        if self.min <= self.median && self.median <= self.max {
            return Ok(());
        }
        let reason = format!(
            "a median of {} is there, and one from min {} to max {} is accepted",
            self.median, self.min, self.max
        );
        Err(Wrong::new(place, &reason))
    }
}

impl Sound for LayoutsRecord {
    fn sound(&self) -> Result<(), Wrong> {
        self.machine.sound()?;
        text("version", &self.version)?;
        text("settings.slopes", &self.settings.slopes)?;
        text("settings.level", self.settings.level.as_deref().unwrap_or_default())?;
        for row in &self.rows {
            text("rows[].layout", &row.layout)?;
            text("rows[].dtype", &row.dtype)?;
            for (name, strategy) in &row.strategies {
                text("rows[].strategies", name)?;
                for pass in [&strategy.of_limit.forward, &strategy.of_limit.backward] {
                    pass.sound("rows[].strategies.of_limit", share)?;
                }
                for pass in [&strategy.seconds.forward, &strategy.seconds.backward] {
                    pass.sound("rows[].strategies.seconds", positive)?;
                }
            }
        }
        Ok(())
    }
}
