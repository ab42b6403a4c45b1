//! `peers`: other implementations beside ours. `benches/peers/run` makes it.

use serde::Deserialize;

use super::layouts::Spread;
use super::sound::{Sound, Wrong, name, positive, text};

/// What the documents use of it.
#[derive(Debug, Clone, Deserialize)]
pub struct PeersRecord {
    /// Where it was measured.
    pub machine: PeersMachine,
    /// What was asked for.
    pub settings: Settings,
    /// The implementations.
    pub peers: Vec<Peer>,
    /// What was measured.
    pub runs: Vec<Run>,
}

/// Enough to tell the machine.
#[derive(Debug, Clone, Deserialize)]
pub struct PeersMachine {
    /// The processor's name.
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// The whole main memory.
    pub memory_bytes: u64,
    /// The operating system.
    pub os: String,
}

/// What was asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// Element type.
    pub dtype: String,
    /// Slopes.
    pub slopes: String,
    /// Samples of the peers that are asked in every round.
    pub rounds: usize,
    /// The peer that ratios are over.
    pub reference: String,
}

/// One implementation.
#[derive(Debug, Clone, Deserialize)]
pub struct Peer {
    /// As the tables call it.
    pub name: String,
    /// Of prelu-mem.
    pub version: Option<String>,
    /// What the running worker said.
    pub reported_version: Option<String>,
    /// How it was built.
    pub build: String,
    /// How malloc was set.
    pub allocator: String,
    /// It is asked in every round, or in every second, third ..
    #[serde(default = "each_round")]
    pub every: u64,
    /// Why it was not measured; null where it was.
    pub failure: Option<String>,
}

fn each_round() -> u64 {
    1
}

/// One network, sign mix and number of threads.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    /// A network's name.
    pub network: String,
    /// Items of a batch.
    pub batch: usize,
    /// `random` or `positive`.
    pub signs: String,
    /// Threads of the processor's loops.
    pub threads: usize,
    /// What was found.
    pub rows: Vec<Row>,
}

/// One peer in it.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// The peer's name.
    pub peer: String,
    /// Seconds of a step: forward and backward.
    pub step: Spread,
    /// Over the reference, round by round; null without it.
    pub ratio: Option<Spread>,
}

impl Sound for PeersRecord {
    fn sound(&self) -> Result<(), Wrong> {
        name("machine.cpu", &self.machine.cpu)?;
        text("machine.os", &self.machine.os)?;
        text("settings.dtype", &self.settings.dtype)?;
        text("settings.slopes", &self.settings.slopes)?;
        text("settings.reference", &self.settings.reference)?;
        for peer in &self.peers {
            let versions = [&peer.version, &peer.reported_version].into_iter().flatten();
            for value in [&peer.name, &peer.build, &peer.allocator].into_iter().chain(versions) {
                text("peers[]", value)?;
            }
        }
        for run in &self.runs {
            text("runs[].network", &run.network)?;
            text("runs[].signs", &run.signs)?;
            for row in &run.rows {
                text("runs[].rows[].peer", &row.peer)?;
                for spread in [Some(row.step), row.ratio].into_iter().flatten() {
                    spread.sound("runs[].rows[]", positive)?;
                }
            }
        }
        Ok(())
    }
}
