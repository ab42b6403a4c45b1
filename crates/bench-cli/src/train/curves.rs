//! `--curves DIR`: loss and accuracy as two CSV files and a picture.

use std::path::{Path, PathBuf};

use super::options::TrainOptions;
use super::picture;
use super::session::Outcome;
use super::settings;
use crate::draft::{Draft, folder_of};
use crate::failure::Failure;

const STEPS: &str = "steps.csv";
const EPOCHS: &str = "epochs.csv";
const PICTURE: &str = "curves.svg";

/// What a folder of curves holds.
pub(super) fn files(folder: &Path) -> [PathBuf; 3] {
    [STEPS, EPOCHS, PICTURE].map(|name| folder.join(name))
}

/// A folder that the curves can be written to.
pub(super) struct Curves {
    folder: PathBuf,
}

impl Curves {
    /// Looks, and leaves nothing behind: the folder, or its parent, takes a file. Curves of
    /// a run's first part are not replaced by those of its second.
    pub(super) fn check(folder: &Path, resumed: bool) -> Result<Self, Failure> {
        let refused =
            |reason: String| Failure::Usage(format!("--curves {}: {reason}", folder.display()));
        let curves = Self { folder: folder.to_owned() };
        if let Some(there) = files(folder).iter().find(|file| resumed && file.exists()) {
            let there = there.display();
            return Err(refused(format!(
                "{there} is there, and --resume draws its own epochs only; name another folder"
            )));
        }
        if folder.is_dir() {
            curves.drafts().map(drop)?;
        } else if folder.symlink_metadata().is_ok() {
            return Err(refused("is there, and is not a folder".into()));
        } else if !folder_of(folder).is_dir() {
            let parent = folder_of(folder).display();
            return Err(refused(format!("there is no folder {parent}; create it first")));
        } else {
            Draft::open("--curves", folder)?;
        }
        Ok(curves)
    }

    /// Writes the files; nothing where no epoch was finished.
    pub(super) fn write(&self, options: &TrainOptions, outcome: &Outcome) -> Result<(), Failure> {
        if outcome.epochs.is_empty() {
            return Ok(());
        }
        let title = format!("Digits: {}", settings::title(options));
        let contents = [steps(outcome)?, epochs(outcome)?, picture::draw(&title, outcome)?];
        if !self.folder.is_dir() {
            std::fs::create_dir(&self.folder).map_err(|error| {
                Failure::Run(format!("cannot make the folder {}: {error}", self.folder.display()))
            })?;
        }
        for (draft, content) in self.drafts()?.into_iter().zip(contents) {
            draft.publish(content.as_bytes())?;
        }
        Ok(())
    }

    fn drafts(&self) -> Result<Vec<Draft>, Failure> {
        files(&self.folder).iter().map(|file| Draft::open("--curves", file)).collect()
    }
}

/// One line per step; steps are counted through the whole run, from 1.
fn steps(outcome: &Outcome) -> Result<String, Failure> {
    let mut rows = vec![vec!["epoch".to_owned(), "step".into(), "loss".into()]];
    for finished in &outcome.epochs {
        let epoch = &finished.epoch;
        let before = (epoch.epoch - 1) * epoch.losses.len();
        for (index, loss) in epoch.losses.iter().enumerate() {
            let step = before + index + 1;
            rows.push(vec![epoch.epoch.to_string(), step.to_string(), loss.to_string()]);
        }
    }
    csv(&rows)
}

fn epochs(outcome: &Outcome) -> Result<String, Failure> {
    let mut rows = vec![vec!["epoch".to_owned(), "mean_loss".into(), "test_accuracy".into()]];
    for finished in &outcome.epochs {
        let epoch = &finished.epoch;
        rows.push(vec![
            epoch.epoch.to_string(),
            epoch.mean_loss().to_string(),
            epoch.test_accuracy.to_string(),
        ]);
    }
    csv(&rows)
}

fn csv(rows: &[Vec<String>]) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Run(format!("cannot write CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}
