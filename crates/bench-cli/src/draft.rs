//! A file that is replaced whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// The new content of a file, beside it until it is complete. It is removed when dropped.
pub(crate) struct Draft {
    path: PathBuf,
    draft: NamedTempFile,
}

impl Draft {
    /// Opens the draft of `path`, which `option` named: a missing folder fails here, before any work.
    pub(crate) fn open(option: &str, path: &Path) -> Result<Self, Failure> {
        let refused =
            |reason: String| Failure::Usage(format!("{option} {}: {reason}", path.display()));
        // A link stays a link: the file it points to is replaced.
        let path = if path.exists() {
            path.canonicalize().map_err(|error| refused(error.to_string()))?
        } else {
            path.to_owned()
        };
        if path.file_name().is_none() || path.is_dir() {
            return Err(refused("names a folder; name a file in it".into()));
        }
        if path.exists() && !path.is_file() {
            return Err(refused(format!("is not a regular file; name one or leave {option} out")));
        }
        let folder = folder_of(&path);
        if !folder.is_dir() {
            return Err(refused(format!(
                "there is no folder {}; create it first",
                folder.display()
            )));
        }
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // The process's umask applies, as for any other new file.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let draft = builder
            .prefix(".prelu-mem-")
            .tempfile_in(folder)
            // The error's own text names the draft, which means nothing to the user.
            .map_err(|error| refused(error.kind().to_string()))?;
        Ok(Self { path, draft })
    }

    /// Writes the content and puts it in the file's place.
    pub(crate) fn publish(mut self, content: &[u8]) -> Result<(), Failure> {
        let refused = |error: &dyn std::fmt::Display| {
            Failure::Run(format!("cannot write {}: {error}", self.path.display()))
        };
        self.draft.write_all(content).map_err(|error| refused(&error))?;
        self.draft.as_file().sync_all().map_err(|error| refused(&error))?;
        self.draft.persist(&self.path).map_err(|error| refused(&error.error))?;
        Ok(())
    }
}

/// The folder that a file is in, or is to be in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
