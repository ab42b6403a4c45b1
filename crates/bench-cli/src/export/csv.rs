//! CSV: a header and one line per row.

use super::{Exporter, Report};
use crate::failure::Failure;

pub(super) struct Csv;

impl Exporter for Csv {
    fn export(&self, report: &dyn Report) -> Result<String, Failure> {
        let refused =
            |error: &dyn std::fmt::Display| Failure::Run(format!("cannot write CSV: {error}"));
        let grid = report.records();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&grid.columns).map_err(|error| refused(&error))?;
        for row in &grid.rows {
            writer.write_record(row).map_err(|error| refused(&error))?;
        }
        let bytes = writer.into_inner().map_err(|error| refused(&error))?;
        String::from_utf8(bytes).map_err(|error| refused(&error))
    }
}
