//! `report`: the comparison documents, made of records.
//!
//! Evidence (which records) - content (what they say, as blocks) - pages (Markdown, HTML, charts) - files.

mod chart;
mod content;
mod doc;
mod evidence;
mod files;
mod options;
mod page;
mod readme;

use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use self::options::ReportOptions;

use self::doc::{Block, Figure};
use self::evidence::Evidence;
use self::files::Files;
use crate::export::Format;
use crate::failure::Failure;

const TITLE: &str = "PReLU strategies compared";
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
    let evidence = Evidence::load(&options.folders())?;
    for skipped in &evidence.skipped {
        // Nothing is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr(), "warning: {skipped}");
    }
    let folder = options.output_dir.clone().unwrap_or_else(|| "docs".into());
    let own = options.output_dir.is_none() && options.records.is_empty();
    let files = documents(&evidence, &folder, own.then(|| PathBuf::from("README.md")))?;
    if options.check { files.compare()? } else { files.write()? }
    match evidence.skipped.len() {
        0 => Ok(()),
        1 => Err(Failure::Run("1 record was left out; the rest is reported".into())),
        many => Err(Failure::Run(format!("{many} records were left out; the rest is reported"))),
    }
}

/// Every file and what is to be in it.
fn documents(
    evidence: &Evidence,
    folder: &Path,
    readme: Option<PathBuf>,
) -> Result<Files, Failure> {
    if evidence.machines.is_empty() {
        return Err(Failure::Run(
            "there is no record to report; `prelu-mem bench --record DIR` makes one".into(),
        ));
    }
    let links = folder.join(NEIGHBOUR).is_file();
    let content = content::content(evidence)?;
    let mut files = Files::new(folder, PICTURES)?;
    let mut blocks = vec![Block::Heading(1, TITLE.to_owned())];
    blocks.extend(content.blocks);
    for figure in blocks.iter().filter_map(figure) {
        files.picture(&figure.name, chart::svg(&figure.chart)?);
    }
    files.page("comparison.md", page::markdown::page(&blocks, links, PICTURES));
    files.page("comparison.html", page::html::page(TITLE, &blocks, links)?);
    if let (Some(file), Some(answer)) = (readme, content.answer) {
        let text = readme::filled(&file, &answer, &format!("{}/{PICTURES}", folder.display()))?;
        files.other(file, text);
    }
    Ok(files)
}

fn figure(block: &Block) -> Option<&Figure> {
    match block {
        Block::Figure(figure) => Some(figure),
        _ => None,
    }
}
