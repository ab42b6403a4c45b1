//! What a record measured, apart from what it found.

use super::Record;
use super::peers::Run;

impl Record {
    /// What was measured: records that agree in it cannot be told apart in a table. The version does not count, as it does not
    /// when a run replaces a record.
    pub(crate) fn measured(&self) -> String {
        match self {
            Self::Bench(record) => {
                let mut settings = record.settings.clone();
                settings.version.clear();
                let rows = record.rows.iter().map(|row| (&row.strategy, &row.hand_over));
                format!("bench {settings:?} {} {:?}", record.machine.simd, rows.collect::<Vec<_>>())
            }
            Self::Check(record) => {
                format!("check {} {:?} {:?}", record.device, record.threads, record.simd)
            }
            Self::Training(record) => {
                let mut settings = record.settings.clone();
                settings.version.clear();
                format!("training {settings:?} {}", record.machine.simd)
            }
            Self::Layouts(record) => {
                let rows = record.rows.iter().map(|row| (&row.layout, &row.dtype, row.threads));
                let rows: Vec<_> = rows.collect();
                format!("layouts {:?} {} {rows:?}", record.settings, record.machine.simd)
            }
            Self::Peers(record) => {
                let peers: Vec<_> = record.peers.iter().map(|peer| &peer.name).collect();
                let run =
                    |run: &Run| (run.network.clone(), run.batch, run.signs.clone(), run.threads);
                let runs: Vec<_> = record.runs.iter().map(run).collect();
                format!("peers {:?} {peers:?} {runs:?}", record.settings)
            }
            Self::Burn(record) => {
                let peers: Vec<_> = record.rows.iter().map(|row| &row.peer).collect();
                format!("burn {:?} {peers:?}", record.settings)
            }
            Self::Aside => String::new(),
        }
    }
}
