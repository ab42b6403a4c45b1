//! `peers`: other implementations beside ours. `benches/peers/run` makes it.

use serde::Deserialize;

use super::layouts::Spread;
use super::sound::{Sound, Wrong, positive, text};

/// What the documents use of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PeersRecord {
    pub(crate) machine: PeersMachine,
    pub(crate) settings: Settings,
    pub(crate) peers: Vec<Peer>,
    pub(crate) runs: Vec<Run>,
}

/// Enough to tell the machine.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PeersMachine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) os: String,
}

/// What was asked for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Settings {
    pub(crate) dtype: String,
    pub(crate) slopes: String,
    pub(crate) rounds: usize,
    /// The peer that ratios are over.
    pub(crate) reference: String,
}

/// One implementation.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) reported_version: Option<String>,
    pub(crate) build: String,
    pub(crate) allocator: String,
    /// Why it was not measured; null where it was.
    pub(crate) failure: Option<String>,
}

/// One network, sign mix and number of threads.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) network: String,
    pub(crate) batch: usize,
    pub(crate) signs: String,
    pub(crate) threads: usize,
    pub(crate) rows: Vec<Row>,
}

/// One peer in it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Row {
    pub(crate) peer: String,
    /// Seconds of a step: forward and backward.
    pub(crate) step: Spread,
    /// Over the reference, round by round; null without it.
    pub(crate) ratio: Option<Spread>,
}

impl Sound for PeersRecord {
    fn sound(&self) -> Result<(), Wrong> {
        text("machine.cpu", &self.machine.cpu)?;
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
                    for value in spread.values() {
                        positive("runs[].rows[]", value)?;
                    }
                }
            }
        }
        Ok(())
    }
}
