//! Where results go: standard output, or a file that is replaced whole or not at all.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::export::{Format, Report};
use crate::failure::Failure;

/// Prints one report in the chosen format to the chosen place.
pub(crate) struct Printer {
    format: Format,
    place: Place,
}

enum Place {
    Stdout,
    File { path: PathBuf, draft: NamedTempFile },
}

impl Printer {
    /// Opens the place before any work is done, so that a missing folder fails at once.
    pub(crate) fn open(format: Format, file: Option<&Path>) -> Result<Self, Failure> {
        let place = match file {
            None => Place::Stdout,
            Some(path) => open_draft(path)?,
        };
        Ok(Self { format, place })
    }

    /// Writes the report.
    pub(crate) fn print(self, report: &dyn Report) -> Result<(), Failure> {
        let text = self.format.exporter().export(report)?;
        self.print_text(&text)
    }

    /// Writes text that has no other format.
    pub(crate) fn print_text(self, text: &str) -> Result<(), Failure> {
        match self.place {
            Place::Stdout => write_stdout(text),
            Place::File { path, mut draft } => {
                let refused = |error: &dyn std::fmt::Display| {
                    Failure::Run(format!("cannot write {}: {error}", path.display()))
                };
                draft.write_all(text.as_bytes()).map_err(|error| refused(&error))?;
                draft.as_file().sync_all().map_err(|error| refused(&error))?;
                draft.persist(&path).map_err(|error| refused(&error.error))?;
                Ok(())
            }
        }
    }
}

fn open_draft(path: &Path) -> Result<Place, Failure> {
    let refused = |reason: String| Failure::Usage(format!("--output {}: {reason}", path.display()));
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
        return Err(refused(
            "is not a regular file; leave --output out to use standard output".into(),
        ));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(refused(format!("there is no folder {}; create it first", folder.display())));
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
        .map_err(|error| refused(error.to_string()))?;
    Ok(Place::File { path, draft })
}

fn write_stdout(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        // The reader has what it wanted (`prelu-mem bench | head -1`).
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Run(format!("cannot write to standard output: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_appears_only_when_printed() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("out.txt");
        let printer = Printer::open(Format::Json, Some(&path)).map_err(|e| e.to_string())?;
        assert!(!path.exists());
        drop(printer);
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "no draft stays behind");

        let printer = Printer::open(Format::Json, Some(&path)).map_err(|e| e.to_string())?;
        printer.print_text("hello\n").map_err(|e| e.to_string())?;
        assert_eq!(std::fs::read_to_string(&path)?, "hello\n");
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn folders_and_missing_folders_are_refused() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        for (path, reason) in [
            (folder.path().to_owned(), "names a folder"),
            (folder.path().join("no/out.txt"), "there is no folder"),
            (PathBuf::from("/"), "names a folder"),
            (PathBuf::new(), "names a folder"),
        ] {
            match Printer::open(Format::Csv, Some(&path)) {
                Err(Failure::Usage(message)) => assert!(message.contains(reason), "{message}"),
                Err(other) => panic!("{path:?}: {other}"),
                Ok(_) => panic!("{path:?} was accepted"),
            }
        }
        Ok(())
    }
}
