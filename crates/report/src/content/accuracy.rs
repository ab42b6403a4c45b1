//! How far slope gradients are from f64, by element type and slope, from the records of `check`.

use super::show;
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, paragraph, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::check::{Accuracy, CheckRecord};

/// The strategy that is drawn: it has channels of all classes.
const DRAWN: &str = "adaptive";
/// Where errors of zero lie on a logarithmic axis.
const EXACT: f64 = 1e-18;

/// A chart and two tables for each record.
pub(super) fn section(_: &Facts, machine: &Machine) -> Vec<Block> {
    machine
        .checks
        .iter()
        .filter(|check| !check.accuracy.is_empty())
        .flat_map(|c| part(machine, c))
        .collect()
}

fn part(machine: &Machine, check: &CheckRecord) -> Vec<Block> {
    let place = match (&check.device_name, check.threads) {
        (Some(name), _) => name.clone(),
        (None, Some(1)) => format!("the processor, 1 thread, SIMD level {}", check.machine.simd),
        (None, Some(n)) => format!("the processor, {n} threads, SIMD level {}", check.machine.simd),
        (None, None) => check.device.clone(),
    };
    let drawn: Vec<&Accuracy> = check.accuracy.iter().filter(|row| row.strategy == DRAWN).collect();
    let mut blocks = vec![paragraph(
        "On {}: of {} cases (every strategy, element type and family of layouts, against an oracle in f64 that shares no code with the engine) {} failed; outputs and input gradients are compared bit by bit, slope gradients with a derived bound, of which the worst reached {}.",
        &[&place, &check.cases.to_string(), &check.failed.to_string(), &worst_of_bound(check)],
    )];
    if !drawn.is_empty() {
        blocks.push(Block::Figure(figure(machine, check, &drawn)));
    }
    blocks.push(Block::Table(table(check)));
    blocks
}

fn worst_of_bound(check: &CheckRecord) -> String {
    let worst = check.rows.iter().map(|row| row.worst_error_of_bound).fold(0.0, f64::max);
    format!("{:.0} %", 100.0 * worst)
}

fn style(dtype: &str) -> usize {
    ["f64", "f32", "f16", "bf16"]
        .iter()
        .position(|name| *name == dtype)
        .map_or(6, |place| place * 2 % 7)
}

fn figure(machine: &Machine, check: &CheckRecord, rows: &[&Accuracy]) -> Figure {
    let errors: Vec<f64> = rows
        .iter()
        .flat_map(|row| &row.errors)
        .map(|error| error.max(EXACT))
        .chain([EXACT])
        .collect();
    let slopes = |sign: f64| -> Vec<f64> {
        let all = rows.iter().flat_map(|row| row.slopes.iter().copied());
        all.filter(|slope| slope * sign > 0.0).collect()
    };
    let panel = |title: &str, sign: f64| {
        let series = |row: &&Accuracy| {
            let pairs = row.slopes.iter().zip(&row.errors);
            let points = pairs
                .filter(|(slope, _)| *slope * sign > 0.0)
                .map(|(slope, error)| Point::new(*slope, error.max(EXACT)));
            Series {
                name: row.dtype.clone(),
                style: style(&row.dtype),
                joined: false,
                points: points.collect(),
            }
        };
        let x = if sign > 0.0 {
            Scale::log("slope", 5, slopes(sign))
        } else {
            Scale::negative_log("slope", 5, slopes(sign))
        };
        Panel {
            title: title.to_owned(),
            x,
            y: Scale::log("relative error", 7, errors.iter().copied()),
            series: rows.iter().map(series).collect(),
            mark: None,
        }
    };
    let mut columns = vec!["slope".to_owned()];
    columns.extend(rows.iter().map(|row| row.dtype.clone()));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut data = Table::new(format!("relative errors of {DRAWN} by slope"), &columns);
    if let Some(first) = rows.first() {
        for (index, slope) in first.slopes.iter().enumerate() {
            let mut cells = vec![Cell::number(show::slope(*slope), *slope)];
            cells.extend(rows.iter().map(|row| {
                row.errors.get(index).map_or_else(show::dash, |error| show::error(*error))
            }));
            data.push(cells);
        }
    }
    let terms = rows.first().map_or(0, |row| row.terms).to_string();
    let on = check.device.replace(':', "-");
    Figure {
        name: format!("{}-accuracy-{}", machine.slug, crate::machine::slug(&on)),
        chart: Chart {
            title: format!("Error of {DRAWN}'s slope gradient against f64"),
            columns: 2,
            height: 400,
            legend: true,
            panels: vec![panel("Negative slopes", -1.0), panel("Positive slopes", 1.0)],
        },
        caption: say(
            "The largest error of 16 channels, over their largest slope gradient; {} random elements behind each. A channel whose slope is near zero or beyond 1 is kept whole, and its error is that of the sum alone. At 0.25, 0.5 and 1, powers of two, a product is not rounded. Slopes are rounded to the element type first: 1e-8 is zero in f16. An error of zero is drawn at {}.",
            &[&terms, "10\u{207b}\u{b9}\u{2078}"],
        ),
        data,
    }
}

/// The worst of each strategy and element type, and where.
fn table(check: &CheckRecord) -> Table {
    let range = show::range(check.accuracy.iter().flat_map(|row| &row.slopes));
    let mut table = Table::new(
        format!("Largest relative error of the slope gradient, {range}"),
        &["strategy", "dtype", "largest error", "at slope"],
    );
    for row in &check.accuracy {
        let pairs = row.slopes.iter().zip(&row.errors);
        let Some((slope, error)) = pairs.max_by(|(_, one), (_, other)| one.total_cmp(other)) else {
            continue;
        };
        table.push(vec![
            Cell::code(row.strategy.clone()),
            Cell::words(row.dtype.clone()),
            show::error(*error),
            if *error == 0.0 { show::dash() } else { Cell::number(show::slope(*slope), *slope) },
        ]);
    }
    table
}
