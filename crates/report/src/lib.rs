//! Records of what was measured, and the comparison documents made of them.
//!
//! [`record`] (one type for each kind, for writing and reading) - [`evidence`] (which records there are) -
//! content (what they say, in blocks) - pages (Markdown and HTML) and charts (SVG).
//!
//! Nothing here measures, and nothing knows the engine: what the documents need of it comes as [`Facts`]. The same records and
//! facts give the same bytes.

mod chart;
mod content;
mod doc;
pub mod evidence;
mod facts;
pub mod machine;
mod page;
pub mod record;

use std::fmt;

pub use self::evidence::Evidence;
pub use self::facts::{Batches, Facts, Network, Strategy};

use self::doc::{Block, Figure};

/// What the documents are called.
const TITLE: &str = "PReLU strategies compared";

/// The documents as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The page for repositories; its charts are files in `pictures`.
    pub markdown: String,
    /// The page that needs nothing else.
    pub html: String,
    /// Name without an ending, and SVG.
    pub charts: Vec<(String, String)>,
    /// None where no record compares strategies on a network.
    pub answer: Option<Answer>,
}

/// The short answer, in Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The table of strategies.
    pub table: String,
    /// What it holds for.
    pub note: String,
    /// The chart beside it: what it shows, and the name of its file without an ending.
    pub chart: (String, String),
}

/// A chart that plotters refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undrawn(pub(crate) String);

impl fmt::Display for Undrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Undrawn {}

/// Makes the documents. `pictures` is the folder of the charts beside the pages; `links` tells whether the project's other pages
/// are beside them, too, so that links lead somewhere.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn documents(
    evidence: &Evidence,
    facts: &Facts,
    (pictures, links): (&str, bool),
) -> Result<Documents, Undrawn> {
    let content = content::content(evidence, facts);
    let mut blocks = vec![Block::Heading(1, TITLE.to_owned())];
    blocks.extend(content.blocks);
    let figures = blocks.iter().filter_map(|block| match block {
        Block::Figure(figure) => Some(figure),
        _ => None,
    });
    let drawn = |figure: &Figure| Ok((figure.name.clone(), chart::svg(&figure.chart)?));
    let charts = figures.map(drawn).collect::<Result<Vec<_>, Undrawn>>()?;
    let answer = content.answer.map(|answer| Answer {
        table: page::markdown::grid(&answer.table),
        note: page::markdown::words(&answer.note),
        chart: (page::markdown::escaped(&answer.figure.chart.title), answer.figure.name),
    });
    Ok(Documents {
        markdown: page::markdown::page(&blocks, links, pictures),
        html: page::html::page(TITLE, &blocks, links)?,
        charts,
        answer,
    })
}
