//! JSON: one object, indented.

use super::{Exporter, Report};
use crate::failure::Failure;

pub(super) struct Json;

impl Exporter for Json {
    fn export(&self, report: &dyn Report) -> Result<String, Failure> {
        let mut text = serde_json::to_string_pretty(&report.json())
            .map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?;
        text.push('\n');
        Ok(text)
    }
}
