//! How it was measured, and where the records come from.

use std::collections::BTreeSet;

use super::show;
use crate::doc::{Block, Cell, Table, paragraph, say};
use crate::evidence::Machine;

/// What makes a set of records, and pages of them.
const COMMANDS: &str = "\
mkdir records
RECORDS=records scripts/record                   # networks, types, sizes, accuracy, training: some ten minutes
RECORDS=records scripts/record layouts levels    # layouts: a quarter of an hour
benches/peers/run --help                         # other implementations
prelu-mem report --records records --output-dir out";

/// The same for all machines.
pub(super) fn section(machines: &[Machine]) -> Vec<Block> {
    vec![
        Block::Heading(2, "How it was measured".to_owned()),
        Block::List(vec![
            say(
                "Before anything is timed, every strategy's gradients are compared with an oracle in f64.",
                &[],
            ),
            say(
                "Memory is counted in a step of its own, by the backend's allocator, and equals what was predicted; time is taken in others.",
                &[],
            ),
            say(
                "In `bench`, a sample is one step (the mean of several for tensors that fit a cache): forward through all layers, then backward through them in reverse. In every round all strategies and the limits' loops take one sample each, so that what disturbs one disturbs all.",
                &[],
            ),
            say(
                "The first step is a warm-up; freed saved states are kept for the next step, as in training. Just before its pass, every layer's tensor is written anew, as the layer before it would have done.",
                &[],
            ),
            say(
                "Figures are medians; spreads are the middle half of the samples, or all of them where it says so. Every sample of `bench` is in its record; records of layouts and of other implementations have the median and both ends.",
                &[],
            ),
        ]),
        Block::Table(table(machines)),
        paragraph(
            "The same of your machine, which should do nothing else meanwhile ([records](records.md)):",
            &[],
        ),
        Block::Commands(COMMANDS.to_owned()),
    ]
}

fn table(machines: &[Machine]) -> Table {
    let columns = [
        "machine",
        "processor",
        "cores",
        "memory MiB",
        "system",
        "GPU",
        "SIMD",
        "versions",
        "records",
    ];
    let mut table = Table::new("Machines", &columns);
    for machine in machines {
        let about = &machine.about;
        let mut levels = BTreeSet::new();
        let mut versions = BTreeSet::new();
        for record in &machine.benches {
            levels.insert(record.machine.simd.clone());
            versions.insert(record.settings.version.clone());
        }
        for record in &machine.layouts {
            levels.insert(record.machine.simd.clone());
            versions.insert(record.version.clone());
        }
        for record in &machine.checks {
            levels.insert(record.machine.simd.clone());
            versions.insert(record.version.clone());
        }
        versions.extend(machine.trainings.iter().map(|record| record.settings.version.clone()));
        let counts = [
            ("bench", machine.benches.len()),
            ("check", machine.checks.len()),
            ("training", machine.trainings.len()),
            ("layouts", machine.layouts.len()),
            ("peers", machine.peers.len()),
            ("burn", machine.burns.len()),
        ];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let words = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
        table.push(vec![
            Cell::words(machine.name.clone()),
            Cell::words(about.cpu.clone()),
            Cell::number(about.cores.to_string(), about.cores as f64),
            show::mebibytes(about.memory_bytes),
            Cell::words(about.os.clone()),
            Cell::words(about.gpu.clone().unwrap_or_else(|| "-".to_owned())),
            Cell::words(words(levels)),
            Cell::words(words(versions)),
            Cell::words(counts.join(", ")),
        ]);
    }
    table
}
