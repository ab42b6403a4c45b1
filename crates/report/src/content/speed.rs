//! How near to the limit of memory whole networks run, by strategy, threads and element type.

use std::collections::BTreeSet;

use super::show::{self, percent};
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, paragraph, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::bench::BenchRecord;

/// On the processor.
pub(super) fn on_processor(facts: &Facts, machine: &Machine) -> Vec<Block> {
    section((facts, machine), "limits", |record| record.settings.device == "cpu")
}

/// On GPUs, from records of runs there alone.
pub(super) fn on_gpu(facts: &Facts, machine: &Machine) -> Vec<Block> {
    section((facts, machine), "gpu-limits", |record| record.settings.device != "cpu")
}

fn section(
    (facts, machine): (&Facts, &Machine),
    name: &str,
    on: impl Fn(&BenchRecord) -> bool,
) -> Vec<Block> {
    let records: Vec<&BenchRecord> = machine
        .benches
        .iter()
        .filter(|record| record.settings.network.is_some() && on(record))
        .collect();
    let mut blocks = Vec::new();
    if records.is_empty() {
        return blocks;
    }
    blocks.push(paragraph(
        "The share of the limit is the rate of a pass (the least bytes that the strategy has to move, over its time) over that of the simplest loop, measured in the same run: `a[i] = a[i] s` for forward, `g[i] = g[i] s + y[i] t` for backward. 100 % is no ceiling: the loops differ, and so does what of a tensor is still in cache. A strategy that moves fewer bytes may be faster at a smaller share.",
        &[],
    ));
    let groups: BTreeSet<(String, String)> = records
        .iter()
        .map(|record| (record.settings.dtype.clone(), show::threads(record)))
        .collect();
    let mut rest = Vec::new();
    for (dtype, threads) in groups {
        let group: Vec<&BenchRecord> = records
            .iter()
            .copied()
            .filter(|record| record.settings.dtype == dtype && show::threads(record) == threads)
            .collect();
        // A chart where there are networks to compare; the others share a table.
        if group.len() > 1 {
            blocks.push(Block::Figure(figure((facts, machine), name, (&dtype, &threads), &group)));
        } else {
            rest.extend(group);
        }
    }
    if !rest.is_empty() {
        blocks
            .push(Block::Table(table("Other element types and numbers of threads".into(), &rest)));
    }
    blocks
}

fn figure(
    (facts, machine): (&Facts, &Machine),
    name: &str,
    (dtype, threads): (&str, &str),
    records: &[&BenchRecord],
) -> Figure {
    let names = show::subjects(records);
    let strategies = strategies(records);
    let panel = |title: &str, forward: bool| {
        let series = |(index, strategy): (usize, &String)| {
            let point = |(row, record): (usize, &&BenchRecord)| {
                let rows = show::rows(record);
                let found = rows.into_iter().find(|found| found.strategy == *strategy)?;
                let y = [Scale::lane(row, index, strategies.len()); 3];
                Some(Point { x: show::of_limit(found, forward)?, y })
            };
            Series {
                name: strategy.clone(),
                style: facts.style(strategy),
                joined: false,
                points: records.iter().enumerate().filter_map(point).collect(),
            }
        };
        let series: Vec<Series> = strategies.iter().enumerate().map(series).collect();
        let ends: Vec<f64> =
            series.iter().flat_map(|series| &series.points).map(|point| point.x[2]).collect();
        Panel {
            title: title.to_owned(),
            x: Scale::linear("% of the limit", None, ends),
            y: Scale::names(names.iter().map(String::as_str)),
            series,
            mark: Some(100.0),
        }
    };
    let samples =
        records.iter().flat_map(|record| &record.rows).map(|row| row.forward_samples.len());
    let least = samples.min().unwrap_or(0).to_string();
    Figure {
        name: format!(
            "{}-{name}-{}",
            machine.slug,
            crate::machine::slug(&format!("{dtype} {threads}"))
        ),
        chart: Chart {
            title: format!("Rate of each pass over the limit of memory: {dtype}, {threads}"),
            columns: 2,
            height: 110 + 66 * records.len() as u32,
            legend: true,
            panels: vec![panel("Forward", true), panel("Backward", false)],
        },
        caption: say(
            "Higher is nearer to the limit. Markers are medians of {} samples or more, lines the middle half of them.",
            &[&least],
        ),
        data: table(format!("networks in {dtype}, {threads}"), records),
    }
}

/// Every strategy of these records once, in the order of the first that has it.
pub(super) fn strategies(records: &[&BenchRecord]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in records.iter().flat_map(|record| show::rows(record)) {
        if !names.contains(&row.strategy) {
            names.push(row.strategy.clone());
        }
    }
    names
}

fn table(caption: String, records: &[&BenchRecord]) -> Table {
    let columns = [
        "layers of",
        "dtype",
        "threads",
        "strategy",
        "forward ms",
        "of limit",
        "middle half",
        "over full-copy",
        "backward ms",
        "of limit ",
        "middle half ",
        "over full-copy ",
    ];
    let mut table = Table::new(caption, &columns);
    for (record, subject) in records.iter().zip(show::subjects(records)) {
        let full = show::baseline(record);
        for row in show::rows(record) {
            let mut cells = vec![
                Cell::words(subject.clone()),
                Cell::words(record.settings.dtype.clone()),
                Cell::words(show::threads(record)),
                Cell::code(row.strategy.clone()),
            ];
            for forward in [true, false] {
                let (seconds, share, samples) = if forward {
                    (&row.forward_seconds, row.forward_of_limit, &row.forward_samples)
                } else {
                    (&row.backward_seconds, row.backward_of_limit, &row.backward_samples)
                };
                let of_full = full.and_then(|full| {
                    let full = if forward { &full.forward_samples } else { &full.backward_samples };
                    show::ratio(samples, full)
                });
                cells.push(show::number(seconds.median * 1e3));
                cells.push(percent(share));
                cells.push(
                    show::of_limit(row, forward).map_or_else(show::dash, |[_, low, high]| {
                        Cell::words(format!("{low:.0} to {high:.0} %"))
                    }),
                );
                cells.push(
                    of_full.map_or_else(show::dash, |ratio| {
                        Cell::number(format!("{ratio:.2} x"), ratio)
                    }),
                );
            }
            table.push(cells);
        }
    }
    table
}
