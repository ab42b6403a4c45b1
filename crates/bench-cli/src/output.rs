//! Where results go: standard output, or a file that is replaced whole or not at all.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::draft::Draft;
use crate::export::{Format, Report};
use crate::failure::Failure;

/// Prints one report in the chosen format to the chosen place.
pub(crate) struct Printer {
    format: Format,
    place: Place,
}

enum Place {
    Stdout,
    File(Draft),
}

impl Printer {
    /// Opens the place before any work is done, so that a missing folder fails at once.
    pub(crate) fn open(format: Format, file: Option<&Path>) -> Result<Self, Failure> {
        let place = match file {
            None => Place::Stdout,
            Some(path) => Place::File(Draft::open("--output", path)?),
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
            Place::File(draft) => draft.publish(text.as_bytes()),
        }
    }
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
    use std::path::PathBuf;

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
