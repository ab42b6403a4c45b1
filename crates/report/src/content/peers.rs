//! Other implementations beside ours, from the records of `benches/peers/run`.

use super::show;
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, paragraph, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::layouts::Spread;
use crate::record::peers::{PeersRecord, Run};

/// A chart for each network of each record, and the versions.
pub(super) fn section(_: &Facts, machine: &Machine) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (index, record) in machine.peers.iter().enumerate() {
        let mut networks: Vec<(&str, usize)> = Vec::new();
        for run in &record.runs {
            if !networks.contains(&(&run.network, run.batch)) {
                networks.push((&run.network, run.batch));
            }
        }
        for network in networks {
            let name = format!("{}-peers-{}-{}", machine.name, index + 1, network.0);
            blocks.push(Block::Figure(figure(crate::machine::slug(&name), record, network)));
        }
    }
    if blocks.is_empty() {
        return blocks;
    }
    blocks.insert(0, paragraph(
        "Processes of their own, asked for a sample in turn, in f32 on a network's PReLU layers; [what each is and how it is measured](peers.md). `onednn-in-place` is not an implementation that can be used: its backward needs the input that its forward has overwritten, and its slope gradient is wrong. It stands for the least work that such a step can be.",
        &[],
    ));
    blocks.push(Block::Table(versions(machine)));
    blocks
}

fn kind(run: &Run) -> String {
    let threads =
        if run.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", run.threads) };
    format!("{} signs, {threads}", run.signs)
}

fn figure(name: String, record: &PeersRecord, (network, batch): (&str, usize)) -> Figure {
    let runs: Vec<&Run> =
        record.runs.iter().filter(|run| run.network == network && run.batch == batch).collect();
    let reference = &record.settings.reference;
    let measured = |peer: &str| runs.iter().any(|run| ratio(run, peer).is_some());
    let names: Vec<&str> = record
        .peers
        .iter()
        .map(|peer| peer.name.as_str())
        .filter(|peer| measured(peer) && peer != reference)
        .collect();
    let series = |(index, run): (usize, &&Run)| {
        let point = |(row, peer): (usize, &&str)| {
            let spread = ratio(run, peer)?;
            let y = [Scale::lane(row, index, runs.len()); 3];
            Some(Point { x: [spread.median, spread.min, spread.max], y })
        };
        Series {
            name: kind(run),
            style: [0, 4, 2, 1, 3, 5, 6][index % 7],
            joined: false,
            points: names.iter().enumerate().filter_map(point).collect(),
        }
    };
    let series: Vec<Series> = runs.iter().enumerate().map(series).collect();
    let values = series.iter().flat_map(|series| &series.points).flat_map(|point| point.x);
    let x = Scale::log(&format!("step over {reference}'s"), 8, values.collect::<Vec<_>>());
    let columns = ["peer", "signs and threads", "step ms", "over ours", "samples"];
    let caption = format!("steps of {network}, batch {batch}, over {reference}'s");
    let mut data = Table::new(caption, &columns);
    for run in &runs {
        for row in &run.rows {
            let Some(spread) = &row.ratio else { continue };
            data.push(vec![
                Cell::code(row.peer.clone()),
                Cell::words(kind(run)),
                show::number(row.step.median * 1e3),
                show::number(spread.median),
                Cell::words(format!(
                    "{} to {}",
                    show::digits(spread.min),
                    show::digits(spread.max)
                )),
            ]);
        }
    }
    Figure {
        name,
        chart: Chart {
            title: format!("Time of a step over {reference}'s: {network}, batch {batch}"),
            columns: 1,
            height: 100 + (24 + 13 * runs.len() as u32) * names.len() as u32,
            legend: true,
            panels: vec![Panel {
                title: String::new(),
                x,
                y: Scale::names(names.iter().copied()),
                series,
                mark: Some(1.0),
            }],
        },
        caption: say(
            "The line is `{}`: right of it is slower. A step is forward and backward of all layers. Markers are medians of the ratios of {} rounds or of every fourth or eighth of them, lines reach from the least to the greatest. Slopes: {}.",
            &[reference, &record.settings.rounds.to_string(), &record.settings.slopes],
        ),
        data,
    }
}

fn ratio<'a>(run: &'a Run, peer: &str) -> Option<&'a Spread> {
    run.rows.iter().find(|row| row.peer == peer)?.ratio.as_ref()
}

/// Each implementation once, or once for each version.
fn versions(machine: &Machine) -> Table {
    let columns = ["peer", "version", "build", "allocator", "not measured because"];
    let mut table = Table::new("What was compared", &columns);
    for peer in machine.peers.iter().flat_map(|record| &record.peers) {
        let version = peer.reported_version.as_ref().or(peer.version.as_ref());
        let row = vec![
            Cell::code(peer.name.clone()),
            Cell::words(version.map_or("-", String::as_str)),
            Cell::words(peer.build.clone()),
            Cell::words(peer.allocator.clone()),
            Cell::words(peer.failure.as_deref().unwrap_or("-")),
        ];
        if !table.rows.contains(&row) {
            table.push(row);
        }
    }
    table
}
