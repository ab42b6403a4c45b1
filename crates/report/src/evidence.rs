//! The records that documents are made of, machine by machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::machine::slug_of;
use crate::record::bench::BenchRecord;
use crate::record::burn::BurnRecord;
use crate::record::check::CheckRecord;
use crate::record::layouts::LayoutsRecord;
use crate::record::peers::PeersRecord;
use crate::record::training::TrainingRecord;
use crate::record::{self, MOST_BYTES, Record};

/// All that was read.
#[derive(Debug, Default)]
pub struct Evidence {
    /// In the order of the folders, then by name.
    pub machines: Vec<Machine>,
    /// A sentence for each file that cannot be used.
    pub skipped: Vec<String>,
}

/// The records of one machine, by kind and in the order of their files.
#[derive(Debug)]
pub struct Machine {
    /// The name of its folder.
    pub name: String,
    /// What its first record says of it.
    pub about: About,
    /// Of `bench`.
    pub benches: Vec<BenchRecord>,
    /// Of `check`.
    pub checks: Vec<CheckRecord>,
    /// Of `train`.
    pub trainings: Vec<TrainingRecord>,
    /// Of `scripts/layouts`.
    pub layouts: Vec<LayoutsRecord>,
    /// Of `benches/peers/run`.
    pub peers: Vec<PeersRecord>,
    /// Of the benchmark of `crates/burn`.
    pub burns: Vec<BurnRecord>,
}

/// What the first record of a machine says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The processor's name.
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// The whole main memory.
    pub memory_bytes: u64,
    /// The operating system.
    pub os: String,
    /// A GPU's name.
    pub gpu: Option<String>,
}

impl Evidence {
    /// Reads every `.json` file in `folders` and in the folders right below them.
    ///
    /// # Errors
    /// A folder that cannot be read: which, and why.
    pub fn load(folders: &[PathBuf]) -> Result<Self, String> {
        let mut evidence = Self::default();
        for folder in folders {
            for file in files(folder)? {
                if let Err(reason) = evidence.read(folder, &file) {
                    evidence.skipped.push(format!("{} {reason}; it is skipped", file.display()));
                }
            }
        }
        Ok(evidence)
    }

    fn read(&mut self, folder: &Path, file: &Path) -> Result<(), String> {
        let record = record::read(&bytes(file)?)?;
        // In a machine's own folder, or loose among the machines' folders.
        let own = file.parent().filter(|parent| *parent != folder).and_then(Path::file_name);
        self.add(record, Path::new(own.unwrap_or_default()))
    }

    /// Adds a record from the folder of this name; without a name it goes where its machine's own name says.
    pub(crate) fn add(&mut self, record: Record, folder: &Path) -> Result<(), String> {
        let Some(about) = about(&record) else { return Ok(()) };
        let name = match folder.to_string_lossy() {
            name if name.is_empty() => slug_of(&about.cpu, about.cores, about.gpu.as_deref()),
            name => name.into_owned(),
        };
        record::sound::text("the folder's name", &name).map_err(|wrong| wrong.to_string())?;
        let known = self.machines.iter().position(|machine| machine.name == name);
        let machine = match known {
            Some(index) => &mut self.machines[index],
            None => {
                self.machines.push(Machine::new(name, about.clone()));
                self.machines.last_mut().expect("just pushed")
            }
        };
        let there = &machine.about;
        if (&there.cpu, there.cores) != (&about.cpu, about.cores) {
            return Err(format!(
                "is of another machine ({}, {} cores) than the others of {} ({}, {} cores): every machine has a folder of its own",
                about.cpu, about.cores, machine.name, there.cpu, there.cores
            ));
        }
        match record {
            Record::Bench(record) => machine.benches.push(record),
            Record::Check(record) => machine.checks.push(record),
            Record::Training(record) => machine.trainings.push(record),
            Record::Layouts(record) => machine.layouts.push(record),
            Record::Peers(record) => machine.peers.push(record),
            Record::Burn(record) => machine.burns.push(record),
            Record::Aside => {}
        }
        Ok(())
    }
}

impl Machine {
    fn new(name: String, about: About) -> Self {
        Self {
            name,
            about,
            benches: Vec::new(),
            checks: Vec::new(),
            trainings: Vec::new(),
            layouts: Vec::new(),
            peers: Vec::new(),
            burns: Vec::new(),
        }
    }
}

/// None for a record with nothing for documents.
fn about(record: &Record) -> Option<About> {
    let machine = match record {
        Record::Bench(record) => &record.machine,
        Record::Check(record) => &record.machine,
        Record::Training(record) => &record.machine,
        Record::Layouts(record) => &record.machine,
        Record::Peers(record) => {
            let machine = &record.machine;
            return Some(About {
                cpu: machine.cpu.clone(),
                cores: machine.cores,
                memory_bytes: machine.memory_bytes,
                os: machine.os.clone(),
                gpu: None,
            });
        }
        Record::Burn(record) => {
            let machine = &record.machine;
            return Some(About {
                cpu: machine.cpu.clone().unwrap_or_default(),
                cores: machine.cores,
                memory_bytes: machine.memory_bytes.unwrap_or_default(),
                os: machine.os.clone().unwrap_or_default(),
                gpu: None,
            });
        }
        Record::Aside => return None,
    };
    Some(About {
        cpu: machine.cpu.clone(),
        cores: machine.cores,
        memory_bytes: machine.memory_bytes,
        os: machine.os.clone(),
        gpu: machine.gpu.as_ref().map(|gpu| gpu.name.clone()),
    })
}

/// The files, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let refused = |path: &Path, error: std::io::Error| {
        let inside = if path == folder { String::new() } else { format!("{}: ", path.display()) };
        format!("{}: {inside}{error}; name a folder of records", folder.display())
    };
    let list = |path: &Path| -> Result<Vec<PathBuf>, String> {
        let entries = fs::read_dir(path).map_err(|error| refused(path, error))?;
        let paths: Result<Vec<PathBuf>, _> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut paths = paths.map_err(|error| refused(path, error))?;
        paths.sort();
        Ok(paths)
    };
    let json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut files = Vec::new();
    for path in list(folder)? {
        if path.is_dir() {
            files.extend(list(&path)?.into_iter().filter(|path| json(path) && !path.is_dir()));
        } else if json(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let data = fs::metadata(file).map_err(unreadable)?;
    if !data.is_file() {
        return Err("is no regular file".into());
    }
    if data.len() > MOST_BYTES {
        return Err(format!("has {} bytes, and a record has 64 MiB at most", data.len()));
    }
    fs::read(file).map_err(unreadable)
}
