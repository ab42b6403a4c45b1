//! `burn`: the layer inside Burn beside Burn's own. The benchmark of `crates/burn` makes it.

use serde::Deserialize;

use super::sound::{Sound, Wrong, name, positive_all, text};

/// What the documents use of it.
#[derive(Debug, Clone, Deserialize)]
pub struct BurnRecord {
    /// Where it was measured.
    pub machine: BurnMachine,
    /// Of the layer.
    pub version: String,
    /// What was asked for.
    pub settings: Settings,
    /// What was found.
    pub rows: Vec<Row>,
}

/// What the system tells of the machine; null where it does not.
#[derive(Debug, Clone, Deserialize)]
pub struct BurnMachine {
    /// The processor's name.
    pub cpu: Option<String>,
    /// Logical processors.
    pub cores: usize,
    /// The whole main memory.
    pub memory_bytes: Option<u64>,
    /// The operating system.
    pub os: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// A network's name.
    pub network: String,
    /// Items of a batch.
    pub batch: usize,
    /// Element type.
    pub dtype: String,
    /// `random`: half of the pre-activations are negative.
    pub signs: String,
    /// Threads that rayon has.
    pub threads: usize,
}

/// One layer's rounds, in the order taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// Burn's own layer, or ours with a strategy.
    pub peer: String,
    /// Seconds of forward through all layers.
    pub forward_seconds: Vec<f64>,
    /// Seconds of backward through all layers.
    pub backward_seconds: Vec<f64>,
}

impl Sound for BurnRecord {
    fn sound(&self) -> Result<(), Wrong> {
        match &self.machine.cpu {
            Some(cpu) => name("machine.cpu", cpu)?,
            None => return Err(Wrong::new("machine.cpu", "a processor's name is accepted")),
        }
        text("machine.os", self.machine.os.as_deref().unwrap_or_default())?;
        for value in
            [&self.version, &self.settings.network, &self.settings.dtype, &self.settings.signs]
        {
            text("settings", value)?;
        }
        for row in &self.rows {
            text("rows[].peer", &row.peer)?;
            positive_all("rows[].forward_seconds", &row.forward_seconds)?;
            positive_all("rows[].backward_seconds", &row.backward_seconds)?;
            if row.forward_seconds.len() != row.backward_seconds.len() {
                return Err(Wrong::new(
                    "rows[]",
                    "as many seconds of forward as of backward are accepted",
                ));
            }
        }
        Ok(())
    }
}
