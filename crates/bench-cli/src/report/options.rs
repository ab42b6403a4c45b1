//! The options of `report`.

use std::path::PathBuf;

use clap::Args;

const ABOUT: &str = "\
Write the comparison documents from measured records

Reads every record (a .json file of `bench`, `check` or `train --record`, `scripts/layouts` or `benches/peers/run`) in the \
folders that --records names and in the folders right below them, one for each machine. Writes comparison.md, its charts \
in comparison/, and comparison.html, one page with all in it, into the folder of --output-dir, which other records than \
the project's own need; and, where no folder is named, the marked part of README.md. The same records give the same bytes.";

const EXAMPLES: &str = "\
Examples:
  prelu-mem report                                          the project's own documents
  prelu-mem report --check                                  exit status 1 where they are stale
  prelu-mem bench --record records && prelu-mem report --records records --output-dir out
  prelu-mem report --records docs/records --records records --output-dir out

A record that is damaged, of another kind or schema, or of another machine than its folder is named and left out, and so is
a file or a folder in DIR that cannot be read: the rest is reported, and the exit status is 1.";

/// What to read, and where to write.
#[derive(Debug, Args)]
#[command(about = "Write the comparison documents from measured records")]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub(crate) struct ReportOptions {
    /// A folder of records, may be repeated; needs --output-dir [default: docs/records]
    #[arg(long, value_name = "DIR")]
    pub(super) records: Vec<PathBuf>,

    /// The folder of the documents; it is made if its parent is there [default: docs, and the marked part of README.md]
    #[arg(long, value_name = "DIR")]
    pub(super) output_dir: Option<PathBuf>,

    /// Write nothing: name what is not as it would be written, and exit with status 1
    #[arg(long)]
    pub(super) check: bool,
}

impl ReportOptions {
    /// The folders of records.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        if self.records.is_empty() { vec!["docs/records".into()] } else { self.records.clone() }
    }
}
