//! The largest batch that fits a card, from the planner: by network, strategy and mode of gradients.

use prelu_mem_registry::StrategyName;

use super::show::{self, BASELINE};
use crate::bench::target::Target;
use crate::failure::Failure;
use crate::network;
use crate::options::gradients::Gradients;
use crate::options::slopes;
use crate::plan::Planner;
use crate::report::chart::{Chart, Panel, Point, Scale, Series};
use crate::report::doc::{Block, Cell, Figure, Table, paragraph, say};

/// Memory of cards that people have, in GB of 10^9 bytes.
const CARDS: [u64; 4] = [8, 12, 24, 80];
const MODES: [Gradients; 2] = [Gradients::Resident, Gradients::Transient];
/// All slopes positive, and no power of two.
const SLOPES: &str = "0.3";

/// Every network's largest batches.
pub(super) struct Budgets {
    networks: Vec<Planned>,
}

struct Planned {
    name: &'static str,
    /// By strategy, mode and card.
    batches: Vec<[[usize; CARDS.len()]; MODES.len()]>,
}

impl Budgets {
    /// Plans all of them in f32.
    pub(super) fn plan() -> Result<Self, Failure> {
        let networks = network::names().into_iter().map(planned).collect::<Result<_, _>>()?;
        Ok(Self { networks })
    }

    /// The largest batch of a network for a card of so many GB.
    pub(super) fn batch(
        &self,
        network: &str,
        strategy: StrategyName,
        gradients: Gradients,
        card: u64,
    ) -> Option<usize> {
        let network = self.networks.iter().find(|planned| planned.name == network)?;
        let strategy = StrategyName::ALL.iter().position(|name| *name == strategy)?;
        let mode = MODES.iter().position(|mode| *mode == gradients)?;
        let card = CARDS.iter().position(|size| *size == card)?;
        Some(network.batches[strategy][mode][card])
    }

    /// The chart, and a table for each network.
    pub(super) fn section(&self) -> Vec<Block> {
        let mut blocks = vec![
            Block::Heading(2, "The largest batch that fits".to_owned()),
            paragraph(
                "Planned, not measured, for f32 and slopes of {}: a whole training step's activations, gradients, saved states, buffers and slopes ([the memory model](memory-model.md)). GB are 10^9 bytes. Weights, their gradients and the workspace of convolutions are not in the networks' tables and not counted: leave room for them. Gradients are *resident* where their buffers are there from the start, as in Caffe, and *transient* where they come and go, as in PyTorch. `prelu-mem plan --network my-net.toml --budget 8GB` does it for other networks, types and slopes.",
                &[SLOPES],
            ),
            Block::Figure(self.figure()),
        ];
        blocks.extend(self.networks.iter().map(|network| Block::Table(network.table())));
        blocks
    }

    /// How many times full-copy's batch fits the smallest card.
    fn figure(&self) -> Figure {
        let names = || Scale::names(self.networks.iter().map(|network| network.name));
        let times = |network: &Planned, strategy: usize, mode: usize| {
            let full = network.batches[baseline()][mode][0];
            (full > 0).then(|| network.batches[strategy][mode][0] as f64 / full as f64)
        };
        let count = StrategyName::ALL.len();
        let panel = |mode: usize| {
            let series = |(index, strategy): (usize, &StrategyName)| {
                let point = |(row, network): (usize, &Planned)| {
                    let times = times(network, index, mode)?;
                    Some(Point::new(times, Scale::lane(row, index, count)))
                };
                Series {
                    name: strategy.name().to_owned(),
                    style: show::style(strategy.name()),
                    joined: false,
                    points: self.networks.iter().enumerate().filter_map(point).collect(),
                }
            };
            let series: Vec<Series> = StrategyName::ALL.iter().enumerate().map(series).collect();
            let values = series.iter().flat_map(|series| &series.points).map(|point| point.x[0]);
            Panel {
                title: format!("{} gradients", MODES[mode].name()),
                x: Scale::linear("batch over full-copy's", None, values.collect::<Vec<_>>()),
                y: names(),
                series,
                mark: Some(1.0),
            }
        };
        let mut data = Table::new(
            format!("largest batch in {} GB over full-copy's", CARDS[0]),
            &["network", "strategy", "resident", "transient"],
        );
        for network in &self.networks {
            for (index, strategy) in StrategyName::ALL.iter().enumerate() {
                let cell = |mode| times(network, index, mode).map_or_else(show::dash, show::number);
                let (name, strategy) = (Cell::words(network.name), Cell::code(strategy.name()));
                data.push(vec![name, strategy, cell(0), cell(1)]);
            }
        }
        Figure {
            name: "batches".to_owned(),
            chart: Chart {
                title: format!("How much larger a batch fits {} GB", CARDS[0]),
                columns: 2,
                height: 110 + 66 * self.networks.len() as u32,
                legend: true,
                panels: (0..MODES.len()).map(panel).collect(),
            },
            caption: say("The line is `{}`: to its right a larger batch fits.", &[BASELINE]),
            data,
        }
    }
}

impl Planned {
    fn table(&self) -> Table {
        let mut columns = vec!["strategy".to_owned()];
        for mode in MODES {
            columns.extend(CARDS.iter().map(|card| format!("{}, {card} GB", mode.name())));
        }
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut table = Table::new(format!("Largest batch of {}", self.name), &names);
        for (strategy, modes) in StrategyName::ALL.iter().zip(&self.batches) {
            let mut cells = vec![Cell::code(strategy.name())];
            let batches = modes.iter().flatten();
            cells.extend(batches.map(|&batch| Cell::number(batch.to_string(), batch as f64)));
            table.push(cells);
        }
        table
    }
}

fn baseline() -> usize {
    StrategyName::ALL.iter().position(|name| name.name() == BASELINE).unwrap_or(0)
}

fn planned(name: &'static str) -> Result<Planned, Failure> {
    let slopes = slopes::parse(SLOPES).map_err(Failure::Run)?;
    let target = Target::network(Some(name), Some(1), slopes, 0)?;
    let planner = Planner::<f32>::new(&target)?;
    let batches = StrategyName::ALL.iter().map(|&strategy| {
        MODES.map(|mode| CARDS.map(|card| planner.largest(strategy, mode, card * 1_000_000_000)))
    });
    Ok(Planned { name, batches: batches.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_fits_a_larger_batch_and_a_stash_only_where_gradients_stay() -> Result<(), Failure> {
        let budgets = Budgets::plan()?;
        let batch = |strategy, gradients| {
            budgets.batch("iresnet50", strategy, gradients, 8).unwrap_or(0)
        };
        for mode in MODES {
            let full = batch(StrategyName::FullCopy, mode);
            assert!(full > 0 && batch(StrategyName::Bitmask, mode) > full, "{}", mode.name());
            assert!(batch(StrategyName::Adaptive, mode) >= batch(StrategyName::Bitmask, mode));
        }
        let stash = |mode| batch(StrategyName::DiffStash, mode) > batch(StrategyName::FullCopy, mode);
        assert_eq!((stash(Gradients::Resident), stash(Gradients::Transient)), (true, false));
        // Every number of the tables is one of the chart's data or stands in a table.
        let (figure, tables) = (budgets.figure(), budgets.section().len() - 3);
        assert_eq!(figure.data.rows.len(), tables * StrategyName::ALL.len());
        let drawn: usize = figure.chart.panels.iter().flat_map(|panel| &panel.series).map(|s| s.points.len()).sum();
        assert_eq!(drawn, 2 * figure.data.rows.len());
        Ok(())
    }
}
