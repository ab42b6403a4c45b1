//! The one-table answer: what each strategy saves, what it costs, how exact it is and what it needs.

use std::cmp::Reverse;

use super::show::{self, BASELINE, mebibytes, percent};
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, Text, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::bench::{BenchRecord, Row};
use crate::record::check::{Accuracy, CheckRecord};

/// The table and the chart that the README shows, too.
pub(crate) struct Answer {
    pub(crate) table: Table,
    /// What the table holds for.
    pub(crate) note: Text,
    pub(crate) figure: Figure,
}

impl Answer {
    pub(super) fn section(&self) -> Vec<Block> {
        vec![
            Block::Heading(2, "The answer in one table".to_owned()),
            Block::Table(self.table.clone()),
            Block::Paragraph(self.note.clone()),
            Block::Figure(self.figure.clone()),
        ]
    }
}

/// From the machine's record of a whole network: IResNet-50 in f32 by one thread, or what comes nearest.
pub(super) fn answer(facts: &Facts, machine: &Machine) -> Option<Answer> {
    let fits = |record: &&BenchRecord| {
        record.settings.network.is_some() && show::baseline(record).is_some()
    };
    let nearness = |record: &&BenchRecord| {
        let settings = &record.settings;
        let network = settings.network.as_deref() != Some("iresnet50");
        // A run of some strategies answers less than one of all.
        let missing = Reverse(record.rows.len());
        let unusual = (settings.dtype != "f32", settings.wait_policy.is_some());
        (settings.device != "cpu", network, unusual, missing, settings.threads)
    };
    let record = machine.benches.iter().filter(fits).min_by_key(nearness)?;
    let full = show::baseline(record)?;
    Some(Answer {
        table: table(facts, machine, (record, full)),
        note: note(machine, record),
        figure: figure(facts, record),
    })
}

fn table(facts: &Facts, machine: &Machine, (record, full): (&BenchRecord, &Row)) -> Table {
    let columns = [
        "strategy",
        "saved for backward, MiB",
        "of full-copy",
        "bits by slope: positive / negative / zero",
        "forward time",
        "backward time",
        "input gradient",
        "slope gradient off by",
        "needs",
    ];
    let mut table = Table::new(
        format!(
            "Strategies on {}, {}, {}",
            show::subject(record),
            record.settings.dtype,
            show::threads(record)
        ),
        &columns,
    );
    for row in show::rows(record) {
        let strategy = facts.strategy(&row.strategy);
        let held = row.saved_bytes + row.shared_buffer_bytes;
        let times = |ratio: Option<f64>| {
            ratio.map_or_else(show::dash, |ratio| Cell::number(format!("{ratio:.2} x"), ratio))
        };
        table.push(vec![
            Cell::code(row.strategy.clone()),
            mebibytes(held),
            percent(held as f64 / (full.saved_bytes as f64).max(1.0)),
            strategy.map_or_else(show::dash, |strategy| {
                Cell::words(strategy.bits.map(|bits| bits.to_string()).join(" / "))
            }),
            times(show::ratio(&row.forward_samples, &full.forward_samples)),
            times(show::ratio(&row.backward_samples, &full.backward_samples)),
            Cell::words(exact(machine, record, row)),
            show::error(off(machine, record, row)),
            Cell::words(strategy.map_or("-".to_owned(), |known| known.needs.replace('`', ""))),
        ]);
    }
    table
}

/// What was checked of this record's device.
fn checks<'a>(
    machine: &'a Machine,
    record: &'a BenchRecord,
) -> impl Iterator<Item = &'a CheckRecord> {
    machine.checks.iter().filter(|check| check.device == record.settings.device)
}

/// Whether every input gradient that was looked at has the oracle's bits.
fn exact(machine: &Machine, record: &BenchRecord, row: &Row) -> &'static str {
    let rows = checks(machine, record).flat_map(|check| &check.rows);
    let failed = rows.filter(|check| check.strategy == row.strategy).any(|check| check.failed > 0);
    match (row.input_gradient_exact, failed) {
        (false, _) => "NOT exact",
        // Of its gradients or of its outputs: the section on accuracy counts them.
        (true, true) => "a check FAILED",
        (true, false) => "bit for bit",
    }
}

/// The accuracy of this record's element type, where that was checked.
fn accuracy<'a>(
    machine: &'a Machine,
    record: &'a BenchRecord,
) -> impl Iterator<Item = &'a Accuracy> {
    let all = checks(machine, record).flat_map(|check| &check.accuracy);
    all.filter(|accuracy| accuracy.dtype == record.settings.dtype)
}

/// The largest relative error over all slopes that were checked, or that of the record itself.
fn off(machine: &Machine, record: &BenchRecord, row: &Row) -> f64 {
    accuracy(machine, record)
        .filter(|accuracy| accuracy.strategy == row.strategy)
        .flat_map(|accuracy| &accuracy.errors)
        .copied()
        .fold(row.slope_gradient_relative_error, f64::max)
}

fn note(machine: &Machine, record: &BenchRecord) -> Text {
    let (settings, about) = (&record.settings, &machine.about);
    let mut place = format!("{} ({} cores)", about.cpu, about.cores);
    if let (true, Some(gpu)) = (settings.device != "cpu", &record.machine.gpu) {
        place = format!("{} ({}) of {place}", gpu.name, settings.device);
    }
    let mut slopes = accuracy(machine, record).flat_map(|accuracy| &accuracy.slopes).peekable();
    let range = match slopes.peek() {
        Some(_) => show::range(slopes),
        None => format!("slopes {}", settings.slopes),
    };
    say(
        "Measured on {}, slopes {}, prelu-mem {}. Saved is what waits from forward to backward with {} gradients, the shared buffer of `diff-stash` included. Bits are those of an element where its channel's slope is positive, negative (of magnitudes up to 1) and zero. Times are over those of `full-copy`: the median of ratios of samples taken in turn. Off by: the largest error of any slope gradient against f64, over the largest slope gradient, for {}. `y` is there anyway where a convolution or a matrix product comes next; where it is not, a mask saves nothing.",
        &[&place, &settings.slopes, &settings.version, &settings.gradients, &range],
    )
}

fn figure(facts: &Facts, record: &BenchRecord) -> Figure {
    let rows = show::rows(record);
    let names = || Scale::names(rows.iter().map(|row| row.strategy.as_str()));
    let saved = |row: &Row| (row.saved_bytes + row.shared_buffer_bytes) as f64 / 1024.0 / 1024.0;
    let milliseconds = |samples: &[f64]| {
        show::middle_half(samples).map(|spread| spread.map(|seconds| seconds * 1e3))
    };
    let panel = |title: &str, unit: &str, value: &dyn Fn(&Row) -> Option<[f64; 3]>| {
        let values: Vec<Option<[f64; 3]>> = rows.iter().map(|row| value(row)).collect();
        let ends = values.iter().flatten().map(|spread| spread[2]);
        let series = rows.iter().zip(&values).enumerate().filter_map(|(index, (row, value))| {
            let y = [-(index as f64) - 0.5; 3];
            let points = vec![Point { x: (*value)?, y }];
            let style = facts.style(&row.strategy);
            Some(Series { name: row.strategy.clone(), style, joined: false, points })
        });
        Panel {
            title: title.to_owned(),
            x: Scale::linear(unit, None, ends),
            y: names(),
            series: series.collect(),
            mark: None,
        }
    };
    let chart = Chart {
        title: format!("What strategies save and what they cost: {}", show::subject(record)),
        columns: 3,
        height: 96 + 26 * rows.len() as u32,
        legend: false,
        panels: vec![
            panel("Saved for backward", "MiB", &|row| Some([saved(row); 3])),
            panel("Forward", "ms", &|row| milliseconds(&row.forward_samples)),
            panel("Backward", "ms", &|row| milliseconds(&row.backward_samples)),
        ],
    };
    let mut data = Table::new(
        "saved memory and times of the chart",
        &["strategy", "saved MiB", "forward ms", "middle half", "backward ms", "middle half "],
    );
    for row in &rows {
        let half = |samples: &[f64]| {
            let [median, low, high] = milliseconds(samples).unwrap_or_default();
            let spread = format!("{} to {}", show::digits(low), show::digits(high));
            [show::number(median), Cell::words(spread)]
        };
        let mut cells = vec![Cell::code(row.strategy.clone()), show::number(saved(row))];
        cells.extend(half(&row.forward_samples));
        cells.extend(half(&row.backward_samples));
        data.push(cells);
    }
    let samples = rows.first().map_or(0, |row| row.forward_samples.len()).to_string();
    let caption = say(
        "{}, {}, {}. Markers are medians of {} samples, lines the middle half of them; `{}` is the baseline.",
        &[
            &show::subject(record),
            &record.settings.dtype,
            &show::threads(record),
            &samples,
            BASELINE,
        ],
    );
    Figure { name: "answer".to_owned(), chart, caption, data }
}
