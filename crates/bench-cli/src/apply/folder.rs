//! The output folder: its files are replaced all together or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::failure::Failure;
use crate::npy::{self, Number};

/// Every file that the command may write.
const FILES: [&str; 3] = ["y.npy", "dx.npy", "da.npy"];

/// A folder that can be written to, or made.
pub(super) struct Folder {
    path: PathBuf,
    exists: bool,
}

/// The new files, in a folder of their own until they are complete. It is removed when dropped.
pub(super) struct Draft {
    folder: TempDir,
}

impl Folder {
    /// Looks, and changes nothing: the folder exists, or its parent does.
    pub(super) fn check(path: &Path) -> Result<Self, Failure> {
        let refused =
            |reason: String| Failure::Usage(format!("--output-dir {}: {reason}", path.display()));
        if path.as_os_str().is_empty() {
            return Err(refused("is empty; name a folder".into()));
        }
        if path.is_dir() {
            for name in FILES {
                if path.join(name).is_dir() {
                    return Err(refused(format!("{name} in it is a folder; remove it first")));
                }
            }
            return Ok(Self { path: path.to_owned(), exists: true });
        }
        if path.symlink_metadata().is_ok() {
            return Err(refused("is there, and is not a folder".into()));
        }
        let parent = parent(path);
        if !parent.is_dir() {
            return Err(refused(format!(
                "there is no folder {}; create it first",
                parent.display()
            )));
        }
        Ok(Self { path: path.to_owned(), exists: false })
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::Run(format!("cannot write to {}: {error}", self.path.display()))
    }
}

impl Draft {
    /// On the same file system as the folder, so that its files can be moved there.
    pub(super) fn new(folder: &Folder) -> Result<Self, Failure> {
        let near = if folder.exists { folder.path.as_path() } else { parent(&folder.path) };
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The process's umask applies, as for any other new folder.
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        let made = builder.prefix(".prelu-mem-").tempdir_in(near);
        // The error's own text names the draft, which means nothing to the user.
        let refused = |error: io::Error| {
            Failure::Usage(format!("--output-dir {}: {}", near.display(), error.kind()))
        };
        Ok(Self { folder: made.map_err(refused)? })
    }

    /// Writes one of the files.
    pub(super) fn add<T: Number>(
        &self,
        name: &str,
        shape: &[usize],
        values: &[T],
    ) -> Result<(), Failure> {
        let write = || -> io::Result<()> {
            let mut to = BufWriter::new(File::create_new(self.folder.path().join(name))?);
            npy::write(&mut to, shape, values)?;
            to.flush()?;
            to.get_ref().sync_all()
        };
        write().map_err(|error| Failure::Run(format!("cannot write {name}: {error}")))
    }

    /// Moves the files into place and returns their paths. A file of an earlier run that this one
    /// does not write is removed, so that the folder holds the results of one run.
    pub(super) fn publish(self, folder: &Folder) -> Result<Vec<PathBuf>, Failure> {
        if folder.exists {
            replace(self.folder.path(), &folder.path).map_err(|error| folder.failed(&error))?;
        } else {
            fs::rename(self.folder.path(), &folder.path).map_err(|error| folder.failed(&error))?;
            // The draft is the folder now.
            let _ = self.folder.keep();
        }
        Ok(FILES.iter().map(|name| folder.path.join(name)).filter(|path| path.is_file()).collect())
    }
}

/// Moves each file of `draft` over its namesake in `folder`; the old ones wait in the draft and go
/// back if a move fails.
fn replace(draft: &Path, folder: &Path) -> io::Result<()> {
    let mut undo: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut replace_all = || -> io::Result<()> {
        for name in FILES {
            let (new, place) = (draft.join(name), folder.join(name));
            let old = draft.join(format!("old-{name}"));
            if place.symlink_metadata().is_ok() {
                fs::rename(&place, &old)?;
                undo.push((old, place.clone()));
            }
            if new.is_file() {
                fs::rename(&new, &place)?;
                undo.push((place, new));
            }
        }
        Ok(())
    };
    replace_all().inspect_err(|_| {
        for (from, to) in undo.iter().rev() {
            // The first failure is the one to tell of; there is nothing more to try.
            let _ = fs::rename(from, to);
        }
    })
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn fill(folder: &Path, names: &[&str], text: &str) -> io::Result<()> {
        names.iter().try_for_each(|name| fs::write(folder.join(name), text))
    }

    #[test]
    fn a_move_that_fails_brings_the_old_files_back() -> Outcome {
        let (draft, folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
        fill(draft.path(), &FILES, "new")?;
        fill(folder.path(), &FILES, "old")?;
        // The old da.npy cannot be moved out of the way, when the other two have been replaced.
        fs::create_dir(draft.path().join("old-da.npy"))?;
        assert!(replace(draft.path(), folder.path()).is_err());
        for name in FILES {
            assert_eq!(fs::read_to_string(folder.path().join(name))?, "old", "{name}");
            assert_eq!(fs::read_to_string(draft.path().join(name))?, "new", "{name}");
        }
        Ok(())
    }

    #[test]
    fn what_is_not_written_anew_is_removed() -> Outcome {
        let (draft, folder) = (tempfile::tempdir()?, tempfile::tempdir()?);
        fill(draft.path(), &["y.npy", "dx.npy"], "new")?;
        fill(folder.path(), &["dx.npy", "da.npy", "mine.txt"], "old")?;
        replace(draft.path(), folder.path())?;
        assert_eq!(fs::read_to_string(folder.path().join("y.npy"))?, "new");
        assert_eq!(fs::read_to_string(folder.path().join("dx.npy"))?, "new");
        assert!(!folder.path().join("da.npy").exists());
        assert_eq!(fs::read_to_string(folder.path().join("mine.txt"))?, "old");
        Ok(())
    }

    #[test]
    fn a_draft_that_is_given_up_leaves_nothing() -> Outcome {
        let parent = tempfile::tempdir()?;
        for path in [parent.path().join("new"), parent.path().to_owned()] {
            let folder = Folder::check(&path).map_err(|failure| failure.to_string())?;
            let draft = Draft::new(&folder).map_err(|failure| failure.to_string())?;
            draft.add("y.npy", &[2], &[1.0, 2.0]).map_err(|failure| failure.to_string())?;
            assert_eq!(fs::read_dir(parent.path())?.count(), 1, "the draft");
            drop(draft);
            assert_eq!(fs::read_dir(parent.path())?.count(), 0);
        }
        Ok(())
    }
}
