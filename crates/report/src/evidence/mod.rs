//! The records that documents are made of, machine by machine.

mod files;

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::machine::{slug, slug_of};
use crate::record::bench::BenchRecord;
use crate::record::burn::BurnRecord;
use crate::record::check::CheckRecord;
use crate::record::layouts::LayoutsRecord;
use crate::record::peers::PeersRecord;
use crate::record::training::TrainingRecord;
use crate::record::{self, Record};

/// All that was read.
#[derive(Debug, Default)]
pub struct Evidence {
    /// In the order of the folders, then by name.
    pub machines: Vec<Machine>,
    /// A sentence for each file that cannot be used, and for each folder.
    pub skipped: Vec<String>,
}

/// The records of one machine, by kind and in the order of their files.
#[derive(Debug)]
pub struct Machine {
    /// The name of its folder.
    pub name: String,
    /// That name as part of a file's name, which no other machine has.
    pub slug: String,
    /// What its first record says of it, and the GPU of the first that has one.
    pub about: About,
    /// What was measured, and the file that says it.
    seen: Vec<(String, PathBuf)>,
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
    /// One of `folders` that cannot be read: which, and why.
    pub fn load(folders: &[PathBuf]) -> Result<Self, String> {
        let mut evidence = Self::default();
        let mut read = HashSet::new();
        for folder in folders {
            // The same folder once, however it is called.
            if fs::canonicalize(folder).is_ok_and(|path| !read.insert(path)) {
                continue;
            }
            for (path, found) in files::below(folder, files::list)? {
                if let Err(reason) = found.and_then(|()| evidence.read(folder, &path)) {
                    evidence.skipped.push(format!("{} {reason}; it is skipped", path.display()));
                }
            }
        }
        Ok(evidence)
    }

    fn read(&mut self, folder: &Path, file: &Path) -> Result<(), String> {
        let record = record::read(&files::bytes(file)?)?;
        // In a machine's own folder, or loose among the machines' folders.
        let own = file.parent().filter(|parent| *parent != folder).and_then(Path::file_name);
        self.add_from(record, (Path::new(own.unwrap_or_default()), file))
    }

    /// Adds a record from the folder of this name.
    #[cfg(test)]
    pub(crate) fn add(&mut self, record: Record, folder: &Path) -> Result<(), String> {
        self.add_from(record, (folder, Path::new("a record")))
    }

    /// Adds the record in `file`, of the folder of this name; without a name it goes where its machine's own name says.
    fn add_from(&mut self, record: Record, (folder, file): (&Path, &Path)) -> Result<(), String> {
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
                let slug = self.free_slug(&name);
                self.machines.push(Machine::new(name, slug, about.clone()));
                self.machines.last_mut().expect("just pushed")
            }
        };
        let there = &mut machine.about;
        // A record that tells of no GPU may be of a run that did not look for one.
        let gpus = there.gpu.as_ref().zip(about.gpu.as_ref());
        if (&there.cpu, there.cores) != (&about.cpu, about.cores)
            || gpus.is_some_and(|(one, other)| one != other)
        {
            return Err(format!(
                "is of another machine ({about}) than the others of {} ({there}): every machine has a folder of its own",
                machine.name
            ));
        }
        let what = record.measured();
        if let Some((_, first)) = machine.seen.iter().find(|(known, _)| *known == what) {
            return Err(format!(
                "measures the same as {}, on a machine of the same name ({})",
                first.display(),
                machine.name
            ));
        }
        machine.seen.push((what, file.to_owned()));
        there.gpu = there.gpu.take().or(about.gpu);
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

    /// A name for the machine's files that is not taken: folders may differ in what file names leave out.
    fn free_slug(&self, name: &str) -> String {
        let plain = match slug(name) {
            empty if empty.is_empty() => "machine".to_owned(),
            plain => plain,
        };
        let free = |slug: &String| self.machines.iter().all(|machine| machine.slug != *slug);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let mut slugs = std::iter::once(plain.clone()).chain(numbered);
        slugs.find(free).unwrap_or(plain)
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} cores", self.cpu, self.cores)?;
        self.gpu.iter().try_for_each(|gpu| write!(f, ", {gpu}"))
    }
}

impl Machine {
    fn new(name: String, slug: String, about: About) -> Self {
        Self {
            name,
            slug,
            about,
            seen: Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::read;
    use crate::record::samples::{ALL, BENCH};

    fn record(text: &str) -> Record {
        read(text.as_bytes()).expect("a record")
    }

    #[test]
    fn what_measures_the_same_counts_once() {
        let mut evidence = Evidence::default();
        for text in ALL {
            let folder = Path::new("box");
            let file = |name| (folder, Path::new(name));
            assert_eq!(evidence.add_from(record(text), file("first.json")), Ok(()));
            let newer = text.replace("\"0.1.0\"", "\"0.2.0\"");
            let reason = evidence.add_from(record(&newer), file("second.json")).expect_err(text);
            assert!(reason.contains("same as first.json"), "{reason}");
        }
        let other = BENCH.replace("\"slopes\": \"0.3\"", "\"slopes\": \"-0.3\"");
        assert_eq!(evidence.add(record(&other), Path::new("box")), Ok(()));
        assert_eq!(evidence.machines.len(), 1);
        assert_eq!(evidence.machines[0].benches.len(), 2);
    }

    #[test]
    fn a_folder_is_read_once_and_a_second_copy_is_named() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let machine = folder.path().join("box");
        fs::create_dir(&machine)?;
        fs::write(machine.join("one.json"), BENCH)?;
        let twice = [folder.path().to_owned(), folder.path().join(".")];
        let evidence = Evidence::load(&twice).expect("a folder");
        assert_eq!((evidence.machines[0].benches.len(), evidence.skipped.len()), (1, 0));
        fs::write(machine.join("two.json"), BENCH)?;
        let evidence = Evidence::load(&twice).expect("a folder");
        assert_eq!(evidence.machines[0].benches.len(), 1);
        assert!(evidence.skipped[0].contains("two.json measures the same as"), "{evidence:?}");
        Ok(())
    }

    #[test]
    fn folders_have_files_of_their_own() {
        let mut evidence = Evidence::default();
        for folder in ["My Box (2)", "my-box-2", "..", "#"] {
            assert_eq!(evidence.add(record(BENCH), Path::new(folder)), Ok(()));
        }
        let slugs: Vec<&str> = evidence.machines.iter().map(|m| m.slug.as_str()).collect();
        assert_eq!(slugs, ["my-box-2", "my-box-2-2", "machine", "machine-2"]);
    }

    #[test]
    fn two_gpus_are_two_machines() {
        let with = |name: &str| {
            let gpu = format!(
                r#""gpu": {{"index": 0, "name": "{name}", "memory_bytes": 1, "compute_capability": "9.0", "cuda": "12.0"}}"#
            );
            BENCH.replace("\"gpu\": null", &gpu)
        };
        let mut evidence = Evidence::default();
        let folder = Path::new("box");
        let seeded = |text: String| text.replace("\"seed\": 0", "\"seed\": 1");
        assert_eq!(evidence.add(record(BENCH), folder), Ok(()));
        assert_eq!(evidence.add(record(&seeded(with("A"))), folder), Ok(()));
        assert_eq!(evidence.machines[0].about.gpu.as_deref(), Some("A"));
        let reason = evidence.add(record(&with("B")), folder).expect_err("another GPU");
        assert!(reason.contains("2 cores, B") && reason.contains("2 cores, A"), "{reason}");
    }
}
