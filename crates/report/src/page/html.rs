//! One HTML page that needs nothing else: styles, script and charts are in it, and its policy forbids any request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::Undrawn;
use crate::chart::svg;
use crate::doc::{Block, Cell, Figure, Inline, Table, Text};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole page. `links` tells whether the pages are there that it links to.
pub(crate) fn page(title: &str, blocks: &[Block], links: bool) -> Result<String, Undrawn> {
    let body = blocks.iter().map(|block| markup(block, links)).collect::<Result<Vec<_>, _>>()?;
    let contents = blocks.iter().filter_map(|block| match block {
        Block::Heading(2, title) => Some(title),
        _ => None,
    });
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                nav aria-label="Contents" {
                    ul { @for title in contents { li { a href={ "#" (anchor(title)) } { (title) } } } }
                }
                main #content { @for block in body { (block) } }
                p #sorted role="status" aria-live="polite" {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string() + "\n")
}

/// Nothing may be loaded, and only this style and this script count.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn markup(block: &Block, links: bool) -> Result<Markup, Undrawn> {
    Ok(match block {
        Block::Heading(1, title) => html! { h1 { (title) } },
        Block::Heading(2, title) => html! { h2 id=(anchor(title)) { (title) } },
        Block::Heading(_, title) => html! { h3 { (title) } },
        Block::Paragraph(text) => html! { p { (inline(text, links)) } },
        Block::List(items) => html! { ul { @for item in items { li { (inline(item, links)) } } } },
        Block::Table(table) => grid(table),
        Block::Figure(figure) => drawn(figure, links)?,
        Block::Commands(lines) => html! { pre tabindex="0" { code { (lines) } } },
    })
}

fn drawn(figure: &Figure, links: bool) -> Result<Markup, Undrawn> {
    let chart = &figure.chart;
    let svg = svg(chart)?;
    Ok(html! {
        figure {
            div.picture role="group" tabindex="0" aria-label=(chart.title) { (PreEscaped(svg)) }
            figcaption { (inline(&figure.caption, links)) }
            details { summary { "The numbers: " (figure.data.caption) } (grid(&figure.data)) }
        }
    })
}

/// A table in a box that scrolls sideways by itself; its headers are buttons that sort.
fn grid(table: &Table) -> Markup {
    html! {
        div.table role="region" tabindex="0" aria-label=(table.caption) {
            table {
                caption { (table.caption) }
                thead { tr {
                    @for column in &table.columns {
                        th scope="col" aria-sort="none" {
                            button type="button" { (column) span.arrow aria-hidden="true" {} }
                        }
                    }
                } }
                tbody {
                    @for row in &table.rows { tr {
                        @for (column, cell) in row.iter().enumerate() {
                            @if column == 0 {
                                th scope="row" data-value=[value(cell)] { (words(cell)) }
                            } @else {
                                td.number[cell.value.is_some()].long[cell.text.len() > 40] data-value=[value(cell)] { (words(cell)) }
                            }
                        }
                    } }
                }
            }
        }
    }
}

fn value(cell: &Cell) -> Option<String> {
    cell.value.map(|value| value.to_string())
}

fn words(cell: &Cell) -> Markup {
    html! { @if cell.code { code { (cell.text) } } @else { (cell.text) } }
}

fn inline(text: &Text, links: bool) -> Markup {
    html! {
        @for piece in text {
            @match piece {
                Inline::Plain(words) => (words),
                Inline::Code(words) => code { (words) },
                Inline::Strong(words) => strong { (words) },
                Inline::Link { label, to } => {
                    @if links { a href=(to) { (label) } } @else { (label) }
                },
            }
        }
    }
}

/// The title of a section as part of an address.
fn anchor(title: &str) -> String {
    crate::machine::slug(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_record_are_not_markup() -> Result<(), Undrawn> {
        let attack = "\"><script>alert(1)</script>";
        let mut table = Table::new(attack, &[attack]);
        table.push(vec![Cell::code(attack)]);
        let blocks = [
            Block::Heading(2, attack.into()),
            Block::Paragraph(vec![Inline::Strong(attack.into())]),
            Block::Table(table),
        ];
        let page = page(attack, &blocks, true)?;
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
        assert!(!page.contains("alert(1)</script>"), "{page}");
        Ok(())
    }

    #[test]
    fn the_policy_names_what_is_in_the_page() -> Result<(), Undrawn> {
        let page = page("t", &[], false)?;
        let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next());
        let hash = STANDARD.encode(Sha256::digest(script.unwrap_or_default()));
        assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none"));
        assert!(page.contains(&hash), "{hash}");
        assert!(!page.contains("http:") && !page.contains("https:"), "nothing to ask for");
        Ok(())
    }
}
