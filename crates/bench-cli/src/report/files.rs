//! The documents as files: written whole, or compared with what is there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::draft::{Draft, folder_of};
use crate::failure::Failure;

/// What is to be in which file.
pub(super) struct Files {
    folder: PathBuf,
    pictures: PathBuf,
    files: Vec<(PathBuf, String)>,
}

impl Files {
    /// None yet; refuses a folder that cannot be.
    pub(super) fn new(folder: &Path, pictures: &str) -> Result<Self, Failure> {
        let refused =
            |reason: String| Failure::Usage(format!("--output-dir {}: {reason}", folder.display()));
        if !folder.is_dir() {
            if folder.symlink_metadata().is_ok() {
                return Err(refused("is there, and is not a folder".into()));
            }
            if !folder_of(folder).is_dir() {
                let parent = folder_of(folder).display();
                return Err(refused(format!("there is no folder {parent}; create it first")));
            }
        }
        let (folder, files) = (folder.to_owned(), Vec::new());
        Ok(Self { pictures: folder.join(pictures), folder, files })
    }

    /// A chart.
    pub(super) fn picture(&mut self, name: &str, svg: String) {
        self.files.push((self.pictures.join(format!("{name}.svg")), svg));
    }

    /// A page.
    pub(super) fn page(&mut self, name: &str, text: String) {
        self.files.push((self.folder.join(name), text));
    }

    /// A file elsewhere.
    pub(super) fn other(&mut self, file: PathBuf, text: String) {
        self.files.push((file, text));
    }

    /// Replaces every file that is not as it is to be.
    pub(super) fn write(&self) -> Result<(), Failure> {
        for folder in [&self.folder, &self.pictures] {
            if !folder.is_dir() {
                fs::create_dir(folder).map_err(|error| {
                    Failure::Run(format!("cannot make the folder {}: {error}", folder.display()))
                })?;
            }
        }
        // A file that cannot be written is found out before any other is.
        let draft = |(file, text): &(PathBuf, String)| {
            stale(file, text).then(|| Draft::open("--output-dir", file)).transpose()
        };
        let drafts = self.files.iter().map(draft).collect::<Result<Vec<_>, _>>()?;
        let mut stdout = std::io::stdout().lock();
        for ((file, text), draft) in self.files.iter().zip(drafts) {
            let done = if draft.is_some() { "written" } else { "as it was" };
            draft.map_or(Ok(()), |draft| draft.publish(text.as_bytes()))?;
            // A reader that has gone does not want the list.
            let _ = writeln!(stdout, "{}: {done}", file.display());
        }
        for file in self.left_behind()? {
            let _ = writeln!(
                std::io::stderr(),
                "warning: {}: no record makes this chart any more; remove it",
                file.display()
            );
        }
        Ok(())
    }

    /// An error that names every file that is not as it is to be.
    pub(super) fn compare(&self) -> Result<(), Failure> {
        let stale = self.files.iter().filter(|(file, text)| stale(file, text));
        let mut named: Vec<String> =
            stale.map(|(file, _)| format!("{} is stale", file.display())).collect();
        let behind = self.left_behind()?;
        named.extend(behind.iter().map(|file| format!("{} is of no record", file.display())));
        if named.is_empty() {
            let _ = writeln!(std::io::stdout(), "{} files are up to date", self.files.len());
            return Ok(());
        }
        Err(Failure::Run(format!("{}; `prelu-mem report` writes them anew", named.join("; "))))
    }

    /// Charts in the charts' folder that are not among these.
    fn left_behind(&self) -> Result<Vec<PathBuf>, Failure> {
        if !self.pictures.is_dir() {
            return Ok(Vec::new());
        }
        let failed = |error: std::io::Error| {
            Failure::Run(format!("cannot read {}: {error}", self.pictures.display()))
        };
        let mut behind = Vec::new();
        for entry in fs::read_dir(&self.pictures).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let known = self.files.iter().any(|(known, _)| *known == file);
            if !known && file.extension().is_some_and(|extension| extension == "svg") {
                behind.push(file);
            }
        }
        behind.sort();
        Ok(behind)
    }
}

fn stale(file: &Path, text: &str) -> bool {
    fs::read(file).map_or(true, |there| there != text.as_bytes())
}
