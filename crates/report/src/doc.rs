//! A document in blocks, which pages write as HTML and as Markdown.

use super::chart::Chart;

/// One block.
#[derive(Debug, Clone)]
pub(super) enum Block {
    /// A title of level 1 to 3.
    Heading(u8, String),
    /// A paragraph.
    Paragraph(Text),
    /// A list.
    List(Vec<Text>),
    /// A table.
    Table(Table),
    /// A picture, and the numbers in it.
    Figure(Figure),
    /// Lines to be typed.
    Commands(String),
}

/// A chart with what stands below it.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    /// The name of its file, without an ending.
    pub(super) name: String,
    pub(super) chart: Chart,
    /// What to see in it.
    pub(super) caption: Text,
    /// Every number that is drawn.
    pub(super) data: Table,
}

/// Rows under named columns; the first cell of a row names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// What it is sorted by; words are sorted by themselves.
    pub(super) value: Option<f64>,
    /// Whether it is a name that is typed.
    pub(super) code: bool,
}

impl Cell {
    /// Words.
    pub(super) fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None, code: false }
    }

    /// A name that is typed.
    pub(super) fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None, code: true }
    }

    /// A number as it is shown, and itself.
    pub(super) fn number(text: impl Into<String>, value: f64) -> Self {
        Self { text: text.into(), value: Some(value), code: false }
    }
}

impl Table {
    /// Without rows.
    pub(super) fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { caption: caption.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.columns.len(), "one cell per column");
        self.rows.push(cells);
    }
}

/// Words of a paragraph.
pub(super) type Text = Vec<Inline>;

/// A piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inline {
    Plain(String),
    Code(String),
    Strong(String),
    /// To another page of the project.
    Link {
        label: String,
        to: &'static str,
    },
}

/// Text from a template of this program's: words between backticks are code, between double asterisks strong, `[label](page)`
/// is a link, and each `{}` stands for the next of `values`. These may come from records: nothing in them is markup.
pub(super) fn say(template: &'static str, values: &[&str]) -> Text {
    let mut values = values.iter();
    let mut fill = |text: &str| {
        let mut parts = text.split("{}");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            filled.push_str(values.next().expect("a value for each place"));
            filled.push_str(part);
        }
        filled
    };
    let mut text = Vec::new();
    let mut rest = template;
    while let Some(begin) = rest.find(['`', '*', '[']) {
        if begin > 0 {
            text.push(Inline::Plain(fill(&rest[..begin])));
        }
        let (from, mark) = match &rest[begin..] {
            marked if marked.starts_with('`') => (1, "`"),
            marked if marked.starts_with("**") => (2, "**"),
            marked if marked.starts_with('[') => (1, "]("),
            _ => panic!("a single asterisk in {template}"),
        };
        let inside = &rest[begin + from..];
        let end = inside.find(mark).expect("every mark is closed");
        let (label, behind) = (&inside[..end], &inside[end + mark.len()..]);
        rest = behind;
        text.push(match mark {
            "`" => Inline::Code(fill(label)),
            "**" => Inline::Strong(fill(label)),
            _ => {
                let close = behind.find(')').expect("every link is closed");
                rest = &behind[close + 1..];
                Inline::Link { label: fill(label), to: &behind[..close] }
            }
        });
    }
    if !rest.is_empty() {
        text.push(Inline::Plain(fill(rest)));
    }
    text
}

/// A paragraph of [`say`].
pub(super) fn paragraph(template: &'static str, values: &[&str]) -> Block {
    Block::Paragraph(say(template, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_marks_and_values_have_none() {
        let text =
            say("On {}: `{}` **is** it, see [the {}](x.md).", &["a `b` **c**", "[d](e)", "page"]);
        assert_eq!(
            text,
            [
                Inline::Plain("On a `b` **c**: ".into()),
                Inline::Code("[d](e)".into()),
                Inline::Plain(" ".into()),
                Inline::Strong("is".into()),
                Inline::Plain(" it, see ".into()),
                Inline::Link { label: "the page".into(), to: "x.md" },
                Inline::Plain(".".into()),
            ]
        );
        assert_eq!(say("", &[]), []);
    }
}
