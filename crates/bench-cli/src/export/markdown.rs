//! Markdown: one table per grid, notes below.

use comfy_table::presets::ASCII_MARKDOWN;

use super::table::draw;
use super::{Exporter, Grid, Report};
use crate::failure::Failure;

pub(super) struct Markdown;

impl Exporter for Markdown {
    fn export(&self, report: &dyn Report) -> Result<String, Failure> {
        let mut blocks = Vec::new();
        for grid in report.tables() {
            if !grid.title.is_empty() {
                blocks.push(format!("### {}", grid.title));
            }
            blocks.push(draw(&escaped(&grid), ASCII_MARKDOWN));
        }
        blocks.extend(report.notes());
        Ok(blocks.join("\n\n") + "\n")
    }
}

/// A `|` in a cell would end it.
fn escaped(grid: &Grid) -> Grid {
    let escape = |cells: &Vec<String>| cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    Grid {
        title: grid.title.clone(),
        columns: escape(&grid.columns),
        rows: grid.rows.iter().map(escape).collect(),
    }
}
