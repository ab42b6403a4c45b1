//! What the place of the channels in memory changes, from the records of `scripts/layouts`.

use std::cmp::Reverse;

use super::show::{self, percent};
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, paragraph, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::layouts::{LayoutsRecord, Passes, Row};

/// A chart of the plain record's first run of layouts, and a table for each record.
pub(super) fn section(facts: &Facts, machine: &Machine) -> Vec<Block> {
    let mut blocks = Vec::new();
    if machine.layouts.is_empty() {
        return blocks;
    }
    blocks.push(paragraph(
        "A channel's elements lie in runs: long ones where the channels come before large images, short ones before small images, runs of one where the channels come last. `channels-last-64` is a tensor of N x 64, `3199-shared` one with one slope for all channels; the others are named after the image.",
        &[],
    ));
    let is_plain = |record: &&LayoutsRecord| {
        let settings = &record.settings;
        settings.slopes == "positive"
            && settings.level.is_none()
            && settings.size_mebibytes.is_some()
    };
    // Of several sizes, the one with the most layouts.
    let plain = machine.layouts.iter().filter(is_plain).max_by_key(|record| record.rows.len());
    if let Some(record) = plain
        && let Some(first) = record.rows.first()
    {
        let same = |row: &&Row| row.dtype == first.dtype && row.threads == first.threads;
        let rows: Vec<&Row> = record.rows.iter().filter(same).collect();
        blocks.push(Block::Figure(figure((facts, machine), record, &rows)));
    }
    // What the chart shows first, and in cache last.
    let mut records: Vec<&LayoutsRecord> = machine.layouts.iter().collect();
    records.sort_by_key(|record| {
        let settings = &record.settings;
        let in_cache = settings.size_mebibytes.is_none();
        let rows = Reverse(record.rows.len());
        (in_cache, settings.level.is_some(), settings.slopes != "positive", rows)
    });
    blocks.extend(records.into_iter().map(|record| Block::Table(table(facts, record))));
    blocks
}

fn threads(row: &Row) -> String {
    if row.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", row.threads) }
}

/// The strategies of a run, those the registry knows first and in its order.
fn names<'a>(facts: &Facts, row: &'a Row) -> Vec<&'a str> {
    let mut names: Vec<&str> = row.strategies.keys().map(String::as_str).collect();
    names.sort_by_key(|name| facts.style(name));
    names
}

fn figure((facts, machine): (&Facts, &Machine), record: &LayoutsRecord, rows: &[&Row]) -> Figure {
    let strategies = rows.first().map(|row| names(facts, row)).unwrap_or_default();
    let panel = |title: &str, pass: fn(&Passes) -> [f64; 3]| {
        let series = |(index, name): (usize, &&str)| {
            let point = |(place, row): (usize, &&Row)| {
                let share = pass(&row.strategies.get(*name)?.of_limit);
                let y = [Scale::lane(place, index, strategies.len()); 3];
                Some(Point { x: share.map(|share| 100.0 * share), y })
            };
            Series {
                name: (*name).to_owned(),
                style: facts.style(name),
                joined: false,
                points: rows.iter().enumerate().filter_map(point).collect(),
            }
        };
        let series: Vec<Series> = strategies.iter().enumerate().map(series).collect();
        let ends: Vec<f64> =
            series.iter().flat_map(|series| &series.points).map(|point| point.x[2]).collect();
        Panel {
            title: title.to_owned(),
            x: Scale::linear("% of the limit", None, ends),
            y: Scale::names(rows.iter().map(|row| row.layout.as_str())),
            series,
            mark: Some(100.0),
        }
    };
    let (dtype, threads) = rows
        .first()
        .map_or((String::new(), String::new()), |row| (row.dtype.clone(), threads(row)));
    let columns =
        ["layout", "strategy", "forward", "slowest to fastest", "backward", "slowest to fastest "];
    let mut data = Table::new(format!("shares of the limit in {dtype}, {threads}"), &columns);
    for row in rows {
        for name in &strategies {
            let Some(found) = row.strategies.get(*name) else { continue };
            let mut cells = vec![Cell::words(row.layout.clone()), Cell::code(*name)];
            for [median, min, max] in [forward(&found.of_limit), backward(&found.of_limit)] {
                cells.push(percent(median));
                cells.push(Cell::words(format!("{:.0} to {:.0} %", 100.0 * min, 100.0 * max)));
            }
            data.push(cells);
        }
    }
    Figure {
        name: format!("{}-layouts", machine.slug),
        chart: Chart {
            title: format!(
                "Rate of each pass over the limit of memory, by layout: {dtype}, {threads}"
            ),
            columns: 2,
            height: 110 + 66 * rows.len() as u32,
            legend: true,
            panels: vec![panel("Forward", forward), panel("Backward", backward)],
        },
        caption: say(
            "Tensors of {} MiB. Markers are medians of {} samples, lines reach from the slowest to the fastest.",
            &[
                &record.settings.size_mebibytes.unwrap_or(0).to_string(),
                &record.settings.samples.to_string(),
            ],
        ),
        data,
    }
}

fn forward(passes: &Passes) -> [f64; 3] {
    let spread = &passes.forward;
    [spread.median, spread.min, spread.max]
}

fn backward(passes: &Passes) -> [f64; 3] {
    let spread = &passes.backward;
    [spread.median, spread.min, spread.max]
}

/// Every run of a record, a column for each strategy and pass.
fn table(facts: &Facts, record: &LayoutsRecord) -> Table {
    let settings = &record.settings;
    let size = settings.size_mebibytes.map_or("in cache".to_owned(), |size| format!("{size} MiB"));
    let caption = format!(
        "Share of the limit by layout: {} slopes, SIMD level {}, {size}, {} samples",
        settings.slopes, record.machine.simd, settings.samples
    );
    // Not every row has to have every strategy.
    let mut strategies: Vec<&str> = Vec::new();
    for name in record.rows.iter().flat_map(|row| names(facts, row)) {
        if !strategies.contains(&name) {
            strategies.push(name);
        }
    }
    let mut columns = vec!["layout".to_owned(), "shape".into(), "dtype".into(), "threads".into()];
    for pass in ["forward", "backward"] {
        columns.extend(strategies.iter().map(|name| format!("{name} {pass}")));
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(caption, &columns);
    for row in &record.rows {
        let sizes: Vec<String> = row.shape.iter().map(usize::to_string).collect();
        let mut cells = vec![
            Cell::words(row.layout.clone()),
            Cell::words(sizes.join("x")),
            Cell::words(row.dtype.clone()),
            Cell::number(row.threads.to_string(), row.threads as f64),
        ];
        for pass in [forward, backward] {
            cells.extend(strategies.iter().map(|name| {
                row.strategies
                    .get(*name)
                    .map_or_else(show::dash, |found| percent(pass(&found.of_limit)[0]))
            }));
        }
        table.push(cells);
    }
    table
}
