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

use std::collections::HashSet;
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
    /// The table of strategies, and what it is of.
    pub table: String,
    /// What it holds for.
    pub note: String,
    /// The chart beside it: what it shows, and the name of its file without an ending.
    pub chart: (String, String),
}

/// Gives figures of one name a number from the second on: each has a file of its own.
fn name_apart(blocks: &mut [Block]) {
    let mut taken = HashSet::new();
    for block in blocks {
        let Block::Figure(figure) = block else { continue };
        let numbered = (2..).map(|number| format!("{}-{number}", figure.name));
        let mut names = std::iter::once(figure.name.clone()).chain(numbered);
        if let Some(free) = names.find(|name| !taken.contains(name)) {
            figure.name.clone_from(&free);
            taken.insert(free);
        }
    }
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
    name_apart(&mut blocks);
    let figures = blocks.iter().filter_map(|block| match block {
        Block::Figure(figure) => Some(figure),
        _ => None,
    });
    let drawn = |figure: &Figure| Ok((figure.name.clone(), chart::svg(&figure.chart)?));
    let charts = figures.map(drawn).collect::<Result<Vec<_>, Undrawn>>()?;
    let answer = content.answer.map(|answer| Answer {
        table: page::markdown::table(&answer.table),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::record::samples;

    /// The documents made of these records.
    fn made(texts: &[String]) -> Documents {
        let mut evidence = Evidence::default();
        for text in texts {
            let record = record::read(text.as_bytes()).expect("a record");
            evidence.add(record, Path::new("A machine")).expect("of one machine");
        }
        documents(&evidence, &facts::sample(), ("pictures", false)).expect("documents")
    }

    #[test]
    fn every_chart_is_a_file_of_its_own_that_the_page_shows() {
        let check = samples::ALL[1];
        let two = [check.to_owned(), check.replace("\"threads\": 1", "\"threads\": 2")];
        let documents = made(&two);
        let names: Vec<&str> = documents.charts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["batches", "a-machine-accuracy-cpu", "a-machine-accuracy-cpu-2"]);
        for name in names {
            assert!(documents.markdown.contains(&format!("](pictures/{name}.svg)")), "{name}");
        }
    }

    #[test]
    fn words_of_a_record_are_not_markup_in_charts() {
        let attack = r#"</svg><script>alert(1)</script>\" onload=\"x"#;
        let bench = samples::BENCH
            .replace("\"iresnet50\"", &format!("\"{attack}\""))
            .replace("\"bitmask\"", &format!("\"{attack}\""));
        let documents = made(&[bench]);
        assert_eq!(documents.html.matches("<script").count(), 1);
        let (name, svg) = &documents.charts[0];
        assert_eq!(name, "answer");
        assert_eq!(svg.matches("</svg>").count(), 1, "{svg}");
        assert!(
            svg.contains("aria-label=\"What strategies save and what they cost: &lt;/svg"),
            "{svg}"
        );
        assert!(!svg.contains("\" onload"), "{svg}");
    }

    #[test]
    fn the_short_answer_says_what_it_is_of() {
        let answer = made(&[samples::BENCH.to_owned()]).answer.expect("a bench of a network");
        assert!(
            answer.table.starts_with("**Strategies on iresnet50, batch 1, f32, 1 thread**\n\n|")
        );
    }
}
