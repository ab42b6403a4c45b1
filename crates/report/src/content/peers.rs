//! Other implementations beside ours, from the records of `benches/peers/run`.

use std::collections::BTreeMap;

use super::show;
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, paragraph, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::layouts::Spread;
use crate::record::peers::{PeersRecord, Run};

/// What oneDNN's two passes are called where both work in place, as no training can have them.
const UNUSABLE: &str = "onednn-in-place";

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
            let place = crate::machine::slug(network.0);
            let name = format!("{}-peers-{}-{place}", machine.slug, index + 1);
            blocks.push(Block::Figure(figure(name, record, network)));
        }
    }
    if blocks.is_empty() {
        return blocks;
    }
    let mut about = vec![paragraph(
        "Processes of their own, asked for a sample in turn, on a network's PReLU layers; [what each is and how it is measured](peers.md). Each chart is one run of all that is in it.",
        &[],
    )];
    let mut peers = machine.peers.iter().flat_map(|record| &record.peers);
    if peers.any(|peer| peer.name == UNUSABLE && peer.failure.is_none()) {
        about.push(paragraph(
            "`{}` is not an implementation that can be used: its backward needs the input that its forward has overwritten, and its slope gradient is wrong. It stands for the fewest bytes that such a step can move.",
            &[UNUSABLE],
        ));
    }
    blocks.splice(0..0, about);
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
    let over = format!("over {reference}'s");
    let columns = ["peer", "signs and threads", "step ms", &over, "least to greatest"];
    let caption = format!("steps of {network}, batch {batch}, {over}");
    let rounds = record.settings.rounds;
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
            title: format!(
                "Time of a step over {reference}'s: {network}, batch {batch}, {}, {rounds} rounds",
                record.settings.dtype
            ),
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
            "The line is `{}`: right of it is slower. A step is forward and backward of all layers. Markers are medians of the ratios of {} rounds{}, lines reach from the least to the greatest. Slopes: {}.",
            &[reference, &rounds.to_string(), &seldom(record, &names), &record.settings.slopes],
        ),
        data,
    }
}

/// Who was not asked in every round.
fn seldom(record: &PeersRecord, names: &[&str]) -> String {
    let mut all: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    let drawn = record.peers.iter().filter(|peer| names.contains(&peer.name.as_str()));
    for peer in drawn.filter(|peer| peer.every > 1) {
        all.entry(peer.every).or_default().push(&peer.name);
    }
    let words =
        |(every, peers): (&u64, &Vec<&str>)| format!("{}: one in {every}", peers.join(", "));
    let words: Vec<String> = all.iter().map(words).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) }
}

fn ratio<'a>(run: &'a Run, peer: &str) -> Option<&'a Spread> {
    run.rows.iter().find(|row| row.peer == peer)?.ratio.as_ref()
}

/// What a program said when it failed: without line breaks, and not longer than a cell can be.
fn one_line(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(200).collect()
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
            Cell::words(peer.failure.as_deref().map_or_else(|| "-".to_owned(), one_line)),
        ];
        if !table.rows.contains(&row) {
            table.push(row);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::ALL;

    #[test]
    fn captions_say_what_the_record_says() {
        let mut record: PeersRecord = serde_json::from_str(ALL[4]).expect("a sample");
        let told = |record: &PeersRecord| {
            let figure = figure("n".into(), record, ("iresnet50", 8));
            let text = crate::page::markdown::words(&figure.caption);
            (figure.chart.title, text, figure.data.columns[3].clone())
        };
        let (title, caption, column) = told(&record);
        assert_eq!(title, "Time of a step over bitmask's: iresnet50, batch 8, f32, 3 rounds");
        assert!(caption.contains("of 3 rounds, lines"), "{caption}");
        assert_eq!(column, "over bitmask's");
        record.peers[1].every = 2;
        record.settings.rounds = 9;
        let (_, caption, _) = told(&record);
        assert!(caption.contains("of 9 rounds (other: one in 2), lines"), "{caption}");
    }

    #[test]
    fn what_a_failed_program_said_stays_in_its_cell() {
        assert_eq!(one_line("no\n\n# wheel\t| \u{7}for it"), "no # wheel | for it");
        assert_eq!(one_line(&"x".repeat(999)).len(), 200);
    }
}
