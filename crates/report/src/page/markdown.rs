//! Markdown, with charts as files beside it.

use std::fmt::Write;

use crate::doc::{Block, Cell, Figure, Inline, Table, Text};

/// Said on top, for people who would edit the page.
const MADE: &str = "<!-- Made by `prelu-mem report` from the records; edit those, or the program, and not this page. -->";

/// The whole page. `links` tells whether the pages are there that it links to; `pictures` is the charts' folder.
pub(crate) fn page(blocks: &[Block], links: bool, pictures: &str) -> String {
    let mut page = format!("{MADE}\n\n");
    for block in blocks {
        page.push_str(&block_text(block, links, pictures));
        page.push_str("\n\n");
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn block_text(block: &Block, links: bool, pictures: &str) -> String {
    match block {
        Block::Heading(level, title) => {
            format!("{} {}", "#".repeat(usize::from(*level)), escaped(title))
        }
        Block::Paragraph(text) => inline(text, links),
        Block::List(items) => {
            let items: Vec<String> =
                items.iter().map(|item| format!("- {}", inline(item, links))).collect();
            items.join("\n")
        }
        Block::Table(rows) => table(rows),
        Block::Figure(figure) => figure_text(figure, links, pictures),
        Block::Commands(lines) => format!("```sh\n{lines}\n```"),
    }
}

fn figure_text(figure: &Figure, links: bool, pictures: &str) -> String {
    let mut text = format!("![{}]({pictures}/{}.svg)", escaped(&figure.chart.title), figure.name);
    let caption = inline(&figure.caption, links);
    // No failure: it is a string that is written to.
    let _ = write!(
        text,
        "\n\n{caption}\n\n<details><summary>The numbers: {}</summary>\n\n{}\n\n</details>",
        escaped(&figure.data.caption),
        grid(&figure.data)
    );
    text
}

/// A table below its caption.
pub(crate) fn table(table: &Table) -> String {
    format!("**{}**\n\n{}", escaped(&table.caption), grid(table))
}

/// The rows of a table, without its caption.
fn grid(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let numeric = |column: usize| {
        !table.rows.is_empty() && table.rows.iter().all(|row| row[column].value.is_some())
    };
    let rule = |column: usize| if numeric(column) { "--:" } else { "---" }.to_owned();
    let mut lines = vec![
        line(table.columns.iter().map(|column| escaped(column)).collect()),
        line((0..table.columns.len()).map(rule).collect()),
    ];
    lines.extend(table.rows.iter().map(|row| line(row.iter().map(cell).collect())));
    lines.join("\n")
}

/// Words of a paragraph, without links.
pub(crate) fn words(text: &Text) -> String {
    inline(text, false)
}

fn cell(cell: &Cell) -> String {
    if cell.code { code(&cell.text) } else { escaped(&cell.text) }
}

fn inline(text: &Text, links: bool) -> String {
    text.iter()
        .map(|piece| match piece {
            Inline::Plain(words) => escaped(words),
            Inline::Code(words) => code(words),
            Inline::Strong(words) => format!("**{}**", escaped(words)),
            Inline::Link { label, to } if links => format!("[{}]({to})", escaped(label)),
            Inline::Link { label, .. } => escaped(label),
        })
        .collect()
}

/// Words as words: nothing in them is markup.
pub(crate) fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '$' | '#' | '!' => {
                text.extend(['\\', c]);
            }
            '&' => text.push_str("&amp;"),
            c => text.push(c),
        }
    }
    text
}

/// Words as code; a backtick would end it, and a column mark the cell.
fn code(words: &str) -> String {
    format!("`{}`", words.replace('`', "'").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::say;

    #[test]
    fn words_of_a_record_are_not_markup() {
        let mut table = Table::new("a | <b>", &["*x*", "y"]);
        table.push(vec![Cell::words("[z](javascript:1) <img>"), Cell::number("1.50", 1.5)]);
        table.push(vec![Cell::code("a`b|c"), Cell::number("2", 2.0)]);
        let text = block_text(&Block::Table(table), true, "p");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "**a \\| \\<b\\>**",
                "",
                "| \\*x\\* | y |",
                "| --- | --: |",
                "| \\[z\\](javascript:1) \\<img\\> | 1.50 |",
                "| `a'b\\|c` | 2 |",
            ]
        );
    }

    #[test]
    fn links_lead_nowhere_where_there_are_no_pages() {
        let text = say("See [the model](memory-model.md).", &[]);
        assert_eq!(inline(&text, true), "See [the model](memory-model.md).");
        assert_eq!(inline(&text, false), "See the model.");
    }
}
