//! The layer inside Burn, beside Burn's own, from the records of its benchmark.

use super::show::{self, middle_half};
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::burn::{BurnRecord, Row};

/// A chart of all runs; nothing without one.
pub(super) fn section(_: &Facts, machine: &Machine) -> Vec<Block> {
    let runs: Vec<&BurnRecord> = machine.burns.iter().filter(|run| !run.rows.is_empty()).collect();
    if runs.is_empty() { Vec::new() } else { vec![Block::Figure(figure(machine, &runs))] }
}

fn kind(run: &BurnRecord) -> String {
    let settings = &run.settings;
    let threads = match settings.threads {
        1 => "1 thread".to_owned(),
        threads => format!("{threads} threads"),
    };
    let (network, batch) = (&settings.network, settings.batch);
    format!("{network}, batch {batch}, {}, {} signs, {threads}", settings.dtype, settings.signs)
}

/// Milliseconds of a step: the median, and the middle half of the rounds.
fn step(row: &Row) -> Option<[f64; 3]> {
    let both = row.forward_seconds.iter().zip(&row.backward_seconds);
    middle_half(&both.map(|(forward, backward)| 1e3 * (forward + backward)).collect::<Vec<_>>())
}

fn figure(machine: &Machine, runs: &[&BurnRecord]) -> Figure {
    let mut peers: Vec<&str> = Vec::new();
    for row in runs.iter().flat_map(|run| &run.rows) {
        if !peers.contains(&row.peer.as_str()) {
            peers.push(&row.peer);
        }
    }
    let series = |(index, run): (usize, &&BurnRecord)| {
        let point = |(place, peer): (usize, &&str)| {
            let row = run.rows.iter().find(|row| row.peer == **peer)?;
            Some(Point { x: step(row)?, y: [Scale::lane(place, index, runs.len()); 3] })
        };
        Series {
            name: kind(run),
            style: [0, 4, 2, 1, 3, 5, 6][index % 7],
            joined: false,
            points: peers.iter().enumerate().filter_map(point).collect(),
        }
    };
    let series: Vec<Series> = runs.iter().enumerate().map(series).collect();
    let values: Vec<f64> =
        series.iter().flat_map(|series| &series.points).flat_map(|point| point.x).collect();
    let columns = ["layer", "run", "step ms", "middle half", "rounds"];
    let mut data = Table::new("a step inside Burn", &columns);
    for run in runs {
        for row in &run.rows {
            let Some([median, low, high]) = step(row) else { continue };
            data.push(vec![
                Cell::code(row.peer.clone()),
                Cell::words(kind(run)),
                show::number(median),
                Cell::words(format!("{} to {}", show::digits(low), show::digits(high))),
                Cell::number(
                    row.forward_seconds.len().to_string(),
                    row.forward_seconds.len() as f64,
                ),
            ]);
        }
    }
    Figure {
        name: format!("{}-burn", machine.slug),
        chart: Chart {
            title: "Time of a step of the layer inside Burn, and of Burn's own".to_owned(),
            columns: 1,
            height: 100 + (24 + 13 * runs.len() as u32) * peers.len() as u32,
            legend: true,
            panels: vec![Panel {
                title: String::new(),
                x: Scale::log("ms", 8, values),
                y: Scale::names(peers.iter().copied()),
                series,
                mark: None,
            }],
        },
        caption: say(
            "Forward and backward of all PReLU layers of the network, as a program that uses Burn calls them. Markers are medians, lines the middle half of the rounds.",
            &[],
        ),
        data,
    }
}
