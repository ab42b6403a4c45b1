//! `report`: the comparison documents, made of records.
//!
//! Options - facts (what the engine says of itself) - `prelu-mem-report` (records in, text out) - files, README.

mod facts;
mod files;
mod options;
mod readme;

use std::io::Write;
use std::path::{Path, PathBuf};

use prelu_mem_report::{Evidence, documents};

pub(crate) use self::options::ReportOptions;

use self::files::Files;
use crate::export::Format;
use crate::failure::Failure;

/// The folder of the charts, beside the pages.
const PICTURES: &str = "comparison";
/// A page that the documents link to: where it is, the others are.
const NEIGHBOUR: &str = "memory-model.md";

/// Reads, then writes or compares.
pub(crate) fn run(
    options: &ReportOptions,
    format: Option<Format>,
    output: Option<&Path>,
) -> Result<(), Failure> {
    if format.is_some() {
        return Err(Failure::Usage(
            "--format: the documents have formats of their own; leave it out".into(),
        ));
    }
    if output.is_some() {
        return Err(Failure::Usage(
            "--output: the documents are several files; name their folder with --output-dir".into(),
        ));
    }
    if options.output_dir.is_none() && !options.records.is_empty() {
        return Err(Failure::Usage(
            "--records: name the folder of their documents with --output-dir; docs holds those of docs/records"
                .into(),
        ));
    }
    let evidence = Evidence::load(&options.folders())
        .map_err(|reason| Failure::Usage(format!("--records {reason}")))?;
    for skipped in &evidence.skipped {
        // Nothing is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr(), "warning: {skipped}");
    }
    let left_out = match evidence.skipped.len() {
        0 => None,
        1 => Some("1 file or folder was left out".to_owned()),
        many => Some(format!("{many} files or folders were left out")),
    };
    let folder = options.output_dir.clone().unwrap_or_else(|| "docs".into());
    let own = options.output_dir.is_none();
    let files = files(&evidence, &folder, own.then(|| PathBuf::from("README.md")))?;
    if options.check {
        files.compare()?
    } else {
        files.write()?
    }
    left_out.map_or(Ok(()), |what| Err(Failure::Run(format!("{what}; the rest is reported"))))
}

/// Every file and what is to be in it.
fn files(evidence: &Evidence, folder: &Path, readme: Option<PathBuf>) -> Result<Files, Failure> {
    if evidence.machines.is_empty() {
        return Err(Failure::Run(
            "there is no record to report; `prelu-mem bench --record DIR` makes one".into(),
        ));
    }
    let mut files = Files::new(folder, PICTURES)?;
    let links = folder.join(NEIGHBOUR).is_file();
    let documents = documents(evidence, &facts::facts()?, (PICTURES, links))
        .map_err(|undrawn| Failure::Run(undrawn.to_string()))?;
    for (name, svg) in documents.charts {
        files.picture(&name, svg);
    }
    files.page("comparison.md", documents.markdown);
    files.page("comparison.html", documents.html);
    if let (Some(file), Some(answer)) = (readme, documents.answer) {
        let text = readme::filled(&file, &answer, &format!("{}/{PICTURES}", folder.display()))?;
        files.other(file, text);
    }
    Ok(files)
}
