//! The largest batch that fits a card, from the planner: by network, strategy and mode of gradients.

use super::show::{self, BASELINE};
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, paragraph, say};
use crate::facts::{Batches, Facts, Network};

/// How gradient buffers live, and its batches.
type Mode = (&'static str, fn(&Batches) -> &[usize]);

/// Both ways.
const MODES: [Mode; 2] =
    [("resident", |batches| &batches.resident), ("transient", |batches| &batches.transient)];

/// The chart, and a table for each network.
pub(super) fn section(facts: &Facts) -> Vec<Block> {
    if facts.networks.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![
        Block::Heading(2, "The largest batch that fits".to_owned()),
        paragraph(
            "Planned, not measured, for f32 and slopes of {}: a whole training step's activations, gradients, saved states, buffers and slopes ([the memory model](memory-model.md)). GB are 10^9 bytes. Weights, their gradients and the workspace of convolutions are not in the networks' tables and not counted: leave room for them. Gradients are **resident** where their buffers are there from the start, as in Caffe, and **transient** where they come and go, as in PyTorch. `prelu-mem plan --network my-net.toml --budget 8GB` does it for other networks, types and slopes.",
            &[facts.slopes],
        ),
        Block::Figure(figure(facts)),
    ];
    blocks.extend(facts.networks.iter().map(|network| Block::Table(table(facts, network))));
    blocks
}

/// How many times the baseline's batch fits the smallest card: resident, or transient.
fn times(facts: &Facts, network: &Network, strategy: &str, mode: usize) -> Option<f64> {
    let full = facts.smallest_card(network.name, BASELINE)?[mode];
    let batch = facts.smallest_card(network.name, strategy)?[mode];
    (full > 0).then(|| batch as f64 / full as f64)
}

fn figure(facts: &Facts) -> Figure {
    let (networks, count) = (&facts.networks, facts.strategies.len());
    let panel = |(mode, (title, _)): (usize, &Mode)| {
        let series = |(index, strategy): (usize, &crate::Strategy)| {
            let point = |(row, network): (usize, &Network)| {
                let times = times(facts, network, strategy.name, mode)?;
                Some(Point::new(times, Scale::lane(row, index, count)))
            };
            Series {
                name: strategy.name.to_owned(),
                style: facts.style(strategy.name),
                joined: false,
                points: networks.iter().enumerate().filter_map(point).collect(),
            }
        };
        let series: Vec<Series> = facts.strategies.iter().enumerate().map(series).collect();
        let values: Vec<f64> =
            series.iter().flat_map(|series| &series.points).map(|point| point.x[0]).collect();
        Panel {
            title: format!("{title} gradients"),
            x: Scale::linear("batch over full-copy's", None, values),
            y: Scale::names(networks.iter().map(|network| network.name)),
            series,
            mark: Some(1.0),
        }
    };
    let card = facts.cards.first().copied().unwrap_or(0);
    let mut data = Table::new(
        format!("largest batch in {card} GB over full-copy's"),
        &["network", "strategy", "resident", "transient"],
    );
    for network in networks {
        for strategy in &facts.strategies {
            let cell = |mode| {
                times(facts, network, strategy.name, mode).map_or_else(show::dash, show::number)
            };
            let names = [Cell::words(network.name), Cell::code(strategy.name)];
            data.push(names.into_iter().chain([cell(0), cell(1)]).collect());
        }
    }
    Figure {
        name: "batches".to_owned(),
        chart: Chart {
            title: format!("How much larger a batch fits {card} GB"),
            columns: 2,
            height: 110 + 66 * networks.len() as u32,
            legend: true,
            panels: MODES.iter().enumerate().map(panel).collect(),
        },
        caption: say("The line is `{}`: to its right a larger batch fits.", &[BASELINE]),
        data,
    }
}

fn table(facts: &Facts, network: &Network) -> Table {
    let mut columns = vec!["strategy".to_owned()];
    for (mode, _) in MODES {
        columns.extend(facts.cards.iter().map(|card| format!("{mode}, {card} GB")));
    }
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut table = Table::new(format!("Largest batch of {}", network.name), &names);
    for (strategy, batches) in facts.strategies.iter().zip(&network.batches) {
        let mut cells = vec![Cell::code(strategy.name)];
        let all = MODES.iter().flat_map(|(_, of)| of(batches));
        cells.extend(all.map(|&batch| Cell::number(batch.to_string(), batch as f64)));
        table.push(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample;

    #[test]
    fn what_is_drawn_is_what_is_told() {
        let facts = sample();
        let figure = figure(&facts);
        let points = |mode: usize, name: &str| {
            let series = figure.chart.panels[mode].series.iter().find(|s| s.name == name);
            series.map(|series| series.points[0].x[0])
        };
        assert_eq!(
            (points(0, "bitmask"), points(1, "diff-stash")),
            (Some(1.5), Some(130.0 / 150.0))
        );
        for (row, strategy) in figure.data.rows.iter().zip(&facts.strategies) {
            assert_eq!(row[1].text, strategy.name);
            assert_eq!(row[2].value, points(0, strategy.name));
            assert_eq!(row[3].value, points(1, strategy.name));
        }
        let table = table(&facts, &facts.networks[0]);
        assert_eq!(table.columns[4], "transient, 24 GB");
        assert_eq!(
            table.rows[1].iter().filter_map(|c| c.value).collect::<Vec<_>>(),
            [150.0, 450.0, 250.0, 750.0]
        );
    }
}
