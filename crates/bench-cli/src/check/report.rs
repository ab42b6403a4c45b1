//! What `check` tells: every row for programs, two summaries for people, and each failure.

use serde_json::Value;

use crate::device::Place;
use crate::export::{Grid, Report};
use crate::failure::Failure;
use prelu_mem_report::record::check::{CheckRecord, Row};

/// Failures that people are shown; programs get all of them.
const SHOWN: usize = 10;

/// One run of `check`.
pub(super) struct Checked {
    /// Where.
    pub(super) place: Place,
    /// What was found.
    pub(super) record: CheckRecord,
}

impl Checked {
    /// An error where a case failed, or where none was run.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        match (self.record.cases, self.record.failed) {
            (0, _) => Err(Failure::Run("nothing was checked".into())),
            (_, 0) => Ok(()),
            (cases, failed) => Err(Failure::Run(format!("{failed} of {cases} checks failed"))),
        }
    }

    fn failures(&self) -> impl Iterator<Item = &String> {
        self.record.rows.iter().flat_map(|row| &row.failures)
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
        for key in self.record.rows.iter().map(&key) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        for wanted in &keys {
            let rows = || self.record.rows.iter().filter(|row| key(row) == *wanted);
            let (cases, failed) = totals(rows());
            let worst = rows().map(|row| row.worst_error_of_bound).fold(0.0, f64::max);
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

impl Checked {
    /// One line for each strategy and element type: the slope whose gradient was farthest off.
    fn accuracy(&self) -> Grid {
        let title = "Slope gradient against f64, slopes from 1e-8 to 4 of both signs";
        let mut grid =
            Grid::new(title, &["strategy", "dtype", "largest relative error", "at slope"]);
        for row in &self.record.accuracy {
            let pairs = row.slopes.iter().zip(&row.errors);
            let worst = pairs.max_by(|(_, one), (_, other)| one.total_cmp(other));
            let (slope, error) = worst.map_or((0.0, 0.0), |(slope, error)| (*slope, *error));
            let at = if error == 0.0 { "-".to_owned() } else { slope.to_string() };
            grid.push(vec![row.strategy.clone(), row.dtype.clone(), format!("{error:.1e}"), at]);
        }
        grid
    }
}

fn totals<'a>(rows: impl Iterator<Item = &'a Row>) -> (usize, usize) {
    rows.fold((0, 0), |(cases, failed), row| (cases + row.cases, failed + row.failed))
}

fn result(failed: usize) -> &'static str {
    if failed == 0 { "pass" } else { "FAIL" }
}

impl Report for Checked {
    fn json(&self) -> Value {
        serde_json::json!(self.record)
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
        for row in &self.record.rows {
            grid.push(vec![
                row.strategy.clone(),
                row.dtype.clone(),
                row.layout.clone(),
                row.cases.to_string(),
                row.elements.to_string(),
                row.failed.to_string(),
                row.worst_error_of_bound.to_string(),
                result(row.failed).to_owned(),
            ]);
        }
        grid
    }

    fn tables(&self) -> Vec<Grid> {
        vec![
            self.summary(
                "By strategy and element type",
                &["strategy", "dtype"],
                |row| [row.strategy.clone(), row.dtype.clone()],
                |names: &[String; 2]| names.to_vec(),
            ),
            self.summary(
                "By layout",
                &["layout"],
                |row| row.layout.clone(),
                |layout| vec![layout.clone()],
            ),
            self.accuracy(),
        ]
    }

    fn notes(&self) -> Vec<String> {
        let (cases, failed) = (self.record.cases, self.record.failed);
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
    use crate::machine;

    fn checked(failures: &[usize]) -> Result<Checked, Failure> {
        let row = |&failed: &usize| Row {
            strategy: "full-copy".into(),
            dtype: "f32".into(),
            layout: "one axis".into(),
            cases: 20,
            elements: 100,
            failed,
            worst_error_of_bound: 0.5,
            failures: (0..failed).map(|number| format!("case {number}")).collect(),
        };
        let rows: Vec<Row> = failures.iter().map(row).collect();
        let place =
            Place { device: "cpu".into(), name: None, threads: Some(2), simd: Some("portable") };
        let record = super::super::record(&place, machine::ask(None)?, (rows, Vec::new()), true);
        Ok(Checked { place, record })
    }

    fn table(checked: &Checked) -> Result<String, Failure> {
        Format::Table.exporter().export(checked)
    }

    #[test]
    fn one_failure_fails_the_run() -> Result<(), Failure> {
        let good = checked(&[0, 0])?;
        assert_eq!(good.verdict(), Ok(()));
        assert!(!table(&good)?.contains("FAIL"));
        assert!(table(&good)?.contains("40 of 40 cases passed"));

        let bad = checked(&[0, 1])?;
        assert_eq!(bad.verdict(), Err(Failure::Run("1 of 40 checks failed".into())));
        assert!(table(&bad)?.contains("FAIL case 0"));
        assert_eq!(bad.json()["failed"], 1);
        assert_eq!(bad.json()["rows"][1]["failures"][0], "case 0");
        Ok(())
    }

    #[test]
    fn a_run_of_nothing_is_no_success() -> Result<(), Failure> {
        assert!(matches!(checked(&[])?.verdict(), Err(Failure::Run(_))));
        Ok(())
    }

    #[test]
    fn people_are_not_shown_every_failure() -> Result<(), Failure> {
        let text = table(&checked(&[13])?)?;
        assert!(text.contains("case 9") && !text.contains("case 10"));
        assert!(text.contains("and 3 more"));
        Ok(())
    }
}
