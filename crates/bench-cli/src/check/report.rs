//! What `check` tells: every row for programs, two summaries for people, and each failure.

use prelu_mem_core::Dtype;
use serde_json::{Value, json};

use super::suite::Row;
use crate::device::Place;
use crate::export::{Grid, Report};
use crate::failure::Failure;

/// Failures that people are shown; programs get all of them.
const SHOWN: usize = 10;

/// One run of `check`.
pub(super) struct Checked {
    /// Where.
    pub(super) place: Place,
    /// Whether every case was run.
    pub(super) complete: bool,
    /// One for each strategy, element type and family of layouts.
    pub(super) rows: Vec<Row>,
}

impl Checked {
    /// An error where a case failed, or where none was run.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let (cases, failed) = totals(self.rows.iter());
        match (cases, failed) {
            (0, _) => Err(Failure::Run("nothing was checked".into())),
            (_, 0) => Ok(()),
            _ => Err(Failure::Run(format!("{failed} of {cases} checks failed"))),
        }
    }

    fn failures(&self) -> impl Iterator<Item = &String> {
        self.rows.iter().flat_map(|row| &row.failures)
    }

    /// One line for each value of `key`, in the order of their first rows.
    fn summary<K: PartialEq>(
        &self,
        title: &str,
        columns: &[&str],
        key: impl Fn(&Row) -> K,
        cells: impl Fn(&K) -> Vec<String>,
    ) -> Grid {
        let figures = ["cases", "elements", "failed", "worst error of bound", "result"];
        let mut grid = Grid::new(title, &[columns, &figures].concat());
        let mut keys: Vec<K> = Vec::new();
        for key in self.rows.iter().map(&key) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        for wanted in &keys {
            let rows = || self.rows.iter().filter(|row| key(row) == *wanted);
            let (cases, failed) = totals(rows());
            let worst = rows().map(|row| row.worst_of_bound).fold(0.0, f64::max);
            let mut line = cells(wanted);
            line.push(cases.to_string());
            line.push(rows().map(|row| row.elements).sum::<usize>().to_string());
            line.push(failed.to_string());
            line.push(format!("{worst:.3}"));
            line.push(result(failed).to_owned());
            grid.push(line);
        }
        grid
    }
}

fn totals<'a>(rows: impl Iterator<Item = &'a Row>) -> (usize, usize) {
    rows.fold((0, 0), |(cases, failed), row| (cases + row.cases, failed + row.failures.len()))
}

fn result(failed: usize) -> &'static str {
    if failed == 0 { "pass" } else { "FAIL" }
}

impl Report for Checked {
    fn json(&self) -> Value {
        let (cases, failed) = totals(self.rows.iter());
        let row = |row: &Row| {
            json!({
                "strategy": row.strategy,
                "dtype": row.dtype.name(),
                "layout": row.layout,
                "cases": row.cases,
                "elements": row.elements,
                "failed": row.failures.len(),
                "worst_error_of_bound": row.worst_of_bound,
                "failures": row.failures,
            })
        };
        json!({
            "schema": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "device": self.place.device,
            "device_name": self.place.name,
            "threads": self.place.threads,
            "simd": self.place.simd,
            "complete": self.complete,
            "cases": cases,
            "failed": failed,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    fn records(&self) -> Grid {
        let columns = [
            "strategy",
            "dtype",
            "layout",
            "cases",
            "elements",
            "failed",
            "worst_error_of_bound",
            "result",
        ];
        let mut grid = Grid::new("", &columns);
        for row in &self.rows {
            grid.push(vec![
                row.strategy.to_owned(),
                row.dtype.to_string(),
                row.layout.to_owned(),
                row.cases.to_string(),
                row.elements.to_string(),
                row.failures.len().to_string(),
                row.worst_of_bound.to_string(),
                result(row.failures.len()).to_owned(),
            ]);
        }
        grid
    }

    fn tables(&self) -> Vec<Grid> {
        vec![
            self.summary(
                "By strategy and element type",
                &["strategy", "dtype"],
                |row| (row.strategy, row.dtype),
                |(strategy, dtype): &(&str, Dtype)| vec![(*strategy).to_owned(), dtype.to_string()],
            ),
            self.summary(
                "By layout",
                &["layout"],
                |row| row.layout,
                |layout| vec![(*layout).to_owned()],
            ),
        ]
    }

    fn notes(&self) -> Vec<String> {
        let (cases, failed) = totals(self.rows.iter());
        let mut notes: Vec<String> =
            self.failures().take(SHOWN).map(|failure| format!("FAIL {failure}")).collect();
        if failed > SHOWN {
            notes.push(format!("... and {} more; --format json lists all", failed - SHOWN));
        }
        notes.push(format!("{} of {cases} cases passed on {}.", cases - failed, self.place));
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Format;

    fn checked(failures: &[usize]) -> Checked {
        let row = |&failed: &usize| Row {
            strategy: "full-copy",
            dtype: Dtype::F32,
            layout: "one axis",
            cases: 20,
            elements: 100,
            worst_of_bound: 0.5,
            failures: (0..failed).map(|number| format!("case {number}")).collect(),
        };
        let rows = failures.iter().map(row).collect();
        let place =
            Place { device: "cpu".into(), name: None, threads: Some(2), simd: Some("portable") };
        Checked { place, complete: true, rows }
    }

    fn table(checked: &Checked) -> Result<String, Failure> {
        Format::Table.exporter().export(checked)
    }

    #[test]
    fn one_failure_fails_the_run() -> Result<(), Failure> {
        let good = checked(&[0, 0]);
        assert_eq!(good.verdict(), Ok(()));
        assert!(!table(&good)?.contains("FAIL"));
        assert!(table(&good)?.contains("40 of 40 cases passed"));

        let bad = checked(&[0, 1]);
        assert_eq!(bad.verdict(), Err(Failure::Run("1 of 40 checks failed".into())));
        assert!(table(&bad)?.contains("FAIL case 0"));
        assert_eq!(bad.json()["failed"], 1);
        assert_eq!(bad.json()["rows"][1]["failures"][0], "case 0");
        Ok(())
    }

    #[test]
    fn a_run_of_nothing_is_no_success() {
        assert!(matches!(checked(&[]).verdict(), Err(Failure::Run(_))));
    }

    #[test]
    fn people_are_not_shown_every_failure() -> Result<(), Failure> {
        let text = table(&checked(&[13]))?;
        assert!(text.contains("case 9") && !text.contains("case 10"));
        assert!(text.contains("and 3 more"));
        Ok(())
    }
}
