//! Tables for a terminal. The width does not depend on the terminal, so that a saved table reads the same.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::{Exporter, Grid, Report};
use crate::failure::Failure;

/// A line above, below and under the header.
const LINES: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

pub(super) struct Table;

impl Exporter for Table {
    fn export(&self, report: &dyn Report) -> Result<String, Failure> {
        let titled = |grid: &Grid| {
            let table = draw(grid, LINES);
            if grid.title.is_empty() { table } else { format!("{}\n{table}", grid.title) }
        };
        let mut blocks: Vec<String> = report.tables().iter().map(titled).collect();
        let notes = report.notes();
        if !notes.is_empty() {
            blocks.push(notes.join("\n"));
        }
        Ok(blocks.join("\n\n") + "\n")
    }
}

/// The grid in a style, columns of numbers aligned on the right.
pub(super) fn draw(grid: &Grid, style: TableStyle) -> String {
    let mut table = comfy_table::Table::new();
    table
        .load_style(style)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(&grid.columns)
        .add_rows(&grid.rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        let numeric = grid.rows.iter().all(|row| starts_like_a_number(&row[index]));
        if numeric && !grid.rows.is_empty() {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn starts_like_a_number(cell: &str) -> bool {
    cell == "-" || cell.starts_with(|first: char| first.is_ascii_digit())
}
