//! Turns a command's report into text: a table, JSON, CSV or Markdown.

mod csv;
mod json;
mod markdown;
mod table;

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;

/// What `--format` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    Table,
    /// One JSON object
    Json,
    /// One line per row, raw units
    Csv,
    /// Tables for a document
    Markdown,
}

/// Columns and rows of text; every row has as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Said above the grid; empty for none.
    pub(crate) title: String,
    /// Column names.
    pub(crate) columns: Vec<String>,
    /// Cells, row by row.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Grid {
    /// An empty grid with these columns.
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds one row.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "one cell per column");
        self.rows.push(cells);
    }
}

/// What a command found, in the three shapes the formats need.
pub(crate) trait Report {
    /// For programs: everything, in base units (bytes, seconds).
    fn json(&self) -> Value;
    /// For spreadsheets: one grid, in base units.
    fn records(&self) -> Grid;
    /// For people: grids with units that read well.
    fn tables(&self) -> Vec<Grid> {
        vec![self.records()]
    }
    /// For people: sentences under the grids.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One output format.
pub(crate) trait Exporter {
    /// The report as text that ends with a newline.
    fn export(&self, report: &dyn Report) -> Result<String, Failure>;
}

/// A value as the JSON format writes it.
pub(crate) fn json_text(value: &Value) -> Result<String, Failure> {
    json::text(value)
}

impl Format {
    /// The exporter that writes this format.
    pub(crate) fn exporter(self) -> &'static dyn Exporter {
        match self {
            Format::Table => &table::Table,
            Format::Json => &json::Json,
            Format::Csv => &csv::Csv,
            Format::Markdown => &markdown::Markdown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl Report for Two {
        fn json(&self) -> Value {
            serde_json::json!({ "a": 1, "b": "x|y" })
        }
        fn records(&self) -> Grid {
            let mut grid = Grid::new("Two", &["a", "b"]);
            grid.push(vec!["1".into(), "x|y, \"z\"".into()]);
            grid
        }
        fn notes(&self) -> Vec<String> {
            vec!["A note.".into()]
        }
    }

    fn text(format: Format) -> String {
        format.exporter().export(&Two).expect("two cells export")
    }

    #[test]
    fn csv_quotes_what_needs_quotes() {
        assert_eq!(text(Format::Csv), "a,b\n1,\"x|y, \"\"z\"\"\"\n");
    }

    #[test]
    fn markdown_is_a_table_and_escapes_the_column_mark() {
        let text = text(Format::Markdown);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[1]), ("### Two", ""));
        assert!(lines[2].starts_with("| a ") && lines[3].starts_with("|--"), "{text}");
        assert!(lines[4].contains(r#"| x\|y, "z" |"#), "{text}");
        assert_eq!(lines[6], "A note.");
    }

    #[test]
    fn json_is_one_object_that_reads_back() {
        let value: Value = serde_json::from_str(&text(Format::Json)).expect("valid JSON");
        assert_eq!(value, Two.json());
    }

    #[test]
    fn table_holds_every_cell_and_note() {
        let table = text(Format::Table);
        for part in ["Two", "a", "b", "x|y, \"z\"", "A note."] {
            assert!(table.contains(part), "{part} in {table}");
        }
    }
}
