//! Where a run's record goes: `DIR/MACHINE/KIND-SETTINGS.json`, and never over a record of something else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use prelu_mem_report::machine::Machine;
use prelu_mem_report::record::{self, MOST_BYTES, Record};
use serde::Serialize;

use crate::draft::Draft;
use crate::export;
use crate::failure::Failure;
use crate::options::record::RecordOptions;

/// The file that a record will be.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    file: PathBuf,
}

impl Place {
    /// Where the record called `name` of this machine goes; none where no record was asked for. What is there already has
    /// to be of the same machine and settings, which `same` tells; otherwise it tells in what the two differ.
    pub(crate) fn find(
        options: &RecordOptions,
        machine: &Machine,
        name: &str,
        same: impl FnOnce(&Record) -> Result<(), String>,
    ) -> Result<Option<Self>, Failure> {
        let Some(records) = &options.record else { return Ok(None) };
        if !records.is_dir() {
            return Err(Failure::Usage(format!(
                "--record {0}: there is no folder {0}; create it first, or name another",
                records.display()
            )));
        }
        let folder = records.join(options.machine.clone().unwrap_or_else(|| machine.slug()));
        let file = folder.join(format!("{name}.json"));
        let refused = |reason: &str| {
            Failure::Usage(format!(
                "--record: {} {reason}; move it away, or record elsewhere with --record DIR or --machine NAME",
                file.display()
            ))
        };
        match there(&file) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                let record = record::read(&bytes).map_err(|reason| refused(&reason))?;
                same(&record).map_err(|reason| refused(&format!("is there, and {reason}")))?;
            }
            Err(error) => return Err(refused(&format!("cannot be read: {error}"))),
        }
        let place = Self { folder, file };
        // A folder that takes no file is found out before the run.
        if place.folder.is_dir() {
            Draft::open("--record", &place.file)?;
        } else {
            Draft::open("--record", &place.folder)?;
        }
        Ok(Some(place))
    }

    /// Writes the record, whole or not at all, and says so on standard error.
    pub(crate) fn write(&self, record: &impl Serialize) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Run(format!("cannot write {}: {error}", self.file.display()))
        };
        let text = export::json_text(&serde_json::json!(record))?;
        match fs::create_dir(&self.folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(&error)),
            _ => {}
        }
        let done = if self.file.exists() { "replaced" } else { "new" };
        Draft::open("--record", &self.file)
            .map_err(|error| failed(&error))?
            .publish(text.as_bytes())?;
        // Nothing is left to tell if standard error is closed.
        let line = format!("record: {} ({done})\n", self.file.display());
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
        Ok(())
    }
}

/// The bytes of a file that may be missing.
fn there(file: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(data) if data.len() > MOST_BYTES => {
            Err(std::io::Error::other("more than 64 MiB, which no record has"))
        }
        Ok(_) => fs::read(file).map(Some),
    }
}

/// Whether a record of `machine` may be replaced by one of `now`, the machine of this run.
pub(crate) fn same_machine(machine: &Machine, now: &Machine) -> Result<(), String> {
    if (&machine.cpu, machine.cores) == (&now.cpu, now.cores) {
        Ok(())
    } else {
        Err(format!("is of another machine: {}, {} cores", machine.cpu, machine.cores))
    }
}

/// In what two settings differ, by the names and values of their JSON; the version does not count.
pub(crate) fn same_settings<T: Serialize>(there: &T, now: &T) -> Result<(), String> {
    let (there, now) = (serde_json::json!(there), serde_json::json!(now));
    let empty = serde_json::Map::new();
    let of = |value: &serde_json::Value| value.as_object().cloned().unwrap_or(empty.clone());
    let (there, now) = (of(&there), of(&now));
    let keys = now.keys().chain(there.keys().filter(|key| !now.contains_key(*key)));
    for key in keys.filter(|key| *key != "version") {
        let null = serde_json::Value::Null;
        let (old, new) = (there.get(key).unwrap_or(&null), now.get(key).unwrap_or(&null));
        if old != new {
            return Err(format!("has other settings: {key} {old}, not {new}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_differ_are_named() {
        let (one, two) =
            (serde_json::json!({"batch": 8, "version": "1"}), serde_json::json!({"batch": 16}));
        assert_eq!(same_settings(&one, &serde_json::json!({"batch": 8, "version": "2"})), Ok(()));
        let reason = same_settings(&one, &two).expect_err("another batch");
        assert!(reason.contains("batch 8, not 16"), "{reason}");
    }
}
