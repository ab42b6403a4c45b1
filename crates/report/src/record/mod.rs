//! Records: what was measured, as JSON files that `report` makes its documents of.
//!
//! Every record says its kind (`record`) and its `schema`. A type for each kind, the same for writing and for reading.

pub mod bench;
pub mod burn;
pub mod check;
#[cfg(test)]
mod fuzz;
pub mod layouts;
mod measured;
pub mod peers;
#[cfg(test)]
pub(crate) mod samples;
pub mod sound;
pub mod training;

use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use self::bench::BenchRecord;
use self::burn::BurnRecord;
use self::check::CheckRecord;
use self::layouts::LayoutsRecord;
use self::peers::PeersRecord;
use self::sound::Sound;
use self::training::TrainingRecord;

/// The one schema there is of every kind.
pub const SCHEMA: u32 = 1;
/// The most bytes that a record may have.
pub const MOST_BYTES: u64 = 64 << 20;

/// What a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Memory and speed.
    Bench,
    /// Exactness, and accuracy of the slope gradient.
    Check,
    /// A training run.
    Training,
    /// Shares of the memory limit by layout.
    Layouts,
    /// Other implementations.
    Peers,
    /// The layer inside Burn.
    Burn,
    /// Counted instructions, which are for CI and not for documents.
    Instructions,
    /// The layer inside PyTorch, which the package's own README tells of.
    TorchLayer,
    /// A training step in PyTorch, told of there too.
    TorchStep,
    /// PyTorch's own operator on a GPU, told of in docs/cuda.md.
    TorchPrelu,
    /// What ran on a GPU and how it ended, told of there too.
    GpuRun,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Bench,
        Self::Check,
        Self::Training,
        Self::Layouts,
        Self::Peers,
        Self::Burn,
        Self::Instructions,
        Self::TorchLayer,
        Self::TorchStep,
        Self::TorchPrelu,
        Self::GpuRun,
    ];

    /// As records write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Check => "check",
            Self::Training => "training",
            Self::Layouts => "layouts",
            Self::Peers => "peers",
            Self::Burn => "burn",
            Self::Instructions => "instructions",
            Self::TorchLayer => "torch-layer",
            Self::TorchStep => "torch-step",
            Self::TorchPrelu => "torch-prelu",
            Self::GpuRun => "gpu-run",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One record that was read.
#[derive(Debug, Clone)]
pub enum Record {
    /// Of `bench`.
    Bench(BenchRecord),
    /// Of `check`.
    Check(CheckRecord),
    /// Of `train`.
    Training(TrainingRecord),
    /// Of `scripts/layouts`.
    Layouts(LayoutsRecord),
    /// Of `benches/peers/run`.
    Peers(PeersRecord),
    /// Of the benchmark of `crates/burn`.
    Burn(BurnRecord),
    /// Of a kind that these documents tell nothing of.
    Aside,
}

#[derive(Deserialize)]
struct Head {
    record: Option<String>,
    schema: Option<u64>,
}

/// Reads a record.
///
/// # Errors
/// Why it is none that can be used: a sentence without a subject, such as "is no JSON object: ..".
pub fn read(bytes: &[u8]) -> Result<Record, String> {
    let no_object = |error: serde_json::Error| format!("is no JSON object: {error}");
    // A list would be taken for the values of an object.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(no_object)?;
        return Err("is no JSON object, but another value".into());
    }
    let head: Head = serde_json::from_slice(bytes).map_err(no_object)?;
    let known = || Kind::ALL.map(Kind::name).join(", ");
    let Some(name) = head.record else {
        return Err(format!("says no kind: \"record\" is to be one of {}", known()));
    };
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) else {
        return Err(format!("is of kind '{name}', and these are known: {}", known()));
    };
    match head.schema {
        None => return Err(format!("says no schema: \"schema\" is to be {SCHEMA}")),
        Some(schema) if schema != u64::from(SCHEMA) => {
            return Err(format!(
                "is a {kind} record of schema {schema}, and this version of prelu-mem reads schema {SCHEMA}"
            ));
        }
        Some(_) => {}
    }
    match kind {
        Kind::Bench => of(kind, bytes).map(Record::Bench),
        Kind::Check => of(kind, bytes).map(Record::Check),
        Kind::Training => of(kind, bytes).map(Record::Training),
        Kind::Layouts => of(kind, bytes).map(Record::Layouts),
        Kind::Peers => of(kind, bytes).map(Record::Peers),
        Kind::Burn => of(kind, bytes).map(Record::Burn),
        Kind::Instructions
        | Kind::TorchLayer
        | Kind::TorchStep
        | Kind::TorchPrelu
        | Kind::GpuRun => Ok(Record::Aside),
    }
}

fn of<T: DeserializeOwned + Sound>(kind: Kind, bytes: &[u8]) -> Result<T, String> {
    let record: T =
        serde_json::from_slice(bytes).map_err(|error| format!("is no {kind} record: {error}"))?;
    match record.sound() {
        Ok(()) => Ok(record),
        Err(wrong) => Err(format!("is a {kind} record that cannot be used: {wrong}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_record_is_told_why() {
        for (text, parts) in [
            ("", &["no JSON object"][..]),
            ("[]", &["no JSON object, but another value"]),
            (r#"["instructions", 1]"#, &["no JSON object, but another value"]),
            ("{}", &["says no kind", "bench, check, training"]),
            (r#"{"record": "weather", "schema": 1}"#, &["'weather'", "bench"]),
            (r#"{"record": "bench"}"#, &["says no schema"]),
            (
                r#"{"record": "bench", "schema": 2}"#,
                &["bench record of schema 2", "reads schema 1"],
            ),
            (r#"{"record": "bench", "schema": 1}"#, &["no bench record", "machine"]),
            (r#"{"record": "peers", "schema": 1, "machine": 3}"#, &["no peers record"]),
        ] {
            let reason = read(text.as_bytes()).expect_err(text);
            for part in parts {
                assert!(reason.contains(part), "{text}: {reason}");
            }
        }
        for kind in ["instructions", "torch-layer", "torch-step", "torch-prelu", "gpu-run"] {
            let record = format!(r#"{{"record": "{kind}", "schema": 1}}"#);
            assert!(matches!(read(record.as_bytes()), Ok(Record::Aside)), "{kind}");
        }
    }

    #[test]
    fn kinds_are_written_as_they_are_named() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::json!(kind), kind.name());
        }
    }
}
