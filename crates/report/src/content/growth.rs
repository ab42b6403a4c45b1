//! How the time of a step grows with the number of elements, and what a second thread changes.

use super::show::{self, middle_half};
use super::speed::strategies;
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::bench::BenchRecord;

/// What the limits' own loops are called.
const LIMIT: &str = "scale and triad in place";
/// Fewer sizes are no curve.
const FEWEST: usize = 3;

/// A chart with a panel for each number of threads and kind of run; nothing where too few sizes were measured.
pub(super) fn section(facts: &Facts, machine: &Machine) -> Vec<Block> {
    let records: Vec<&BenchRecord> = machine
        .benches
        .iter()
        .filter(|record| {
            let settings = &record.settings;
            settings.shape.is_some() && settings.device == "cpu" && settings.dtype == "f32"
        })
        .collect();
    let mut panels: Vec<(String, Vec<&BenchRecord>)> = Vec::new();
    // Only what differs in nothing but its size is a curve.
    for (record, apart) in records.iter().copied().zip(show::apart(&records)) {
        let mut threads = show::threads(record);
        if !apart.is_empty() {
            threads = format!("{threads}, {apart}");
        }
        match panels.iter_mut().find(|(known, _)| *known == threads) {
            Some((_, group)) => group.push(record),
            None => panels.push((threads, vec![record])),
        }
    }
    panels.retain_mut(|(_, group)| {
        group.sort_by_key(|record| elements(record));
        group.len() >= FEWEST
    });
    if panels.is_empty() {
        return Vec::new();
    }
    vec![Block::Figure(figure(facts, machine, &panels))]
}

fn elements(record: &BenchRecord) -> u64 {
    record.rows.first().map_or(0, |row| row.elements)
}

/// Nanoseconds of a step, forward and backward, by element: the strategy's, or the limits'.
fn nanoseconds(record: &BenchRecord, name: &str) -> Option<[f64; 3]> {
    let (forward, backward) = if name == LIMIT {
        (&record.limits.in_place_scale_samples, &record.limits.in_place_triad_samples)
    } else {
        let row = show::rows(record).into_iter().find(|row| row.strategy == name)?;
        (&row.forward_samples, &row.backward_samples)
    };
    let scale = 1e9 / elements(record) as f64;
    let steps: Vec<f64> = forward
        .iter()
        .zip(backward)
        .map(|(forward, backward)| (forward + backward) * scale)
        .collect();
    middle_half(&steps)
}

fn figure(facts: &Facts, machine: &Machine, groups: &[(String, Vec<&BenchRecord>)]) -> Figure {
    let all: Vec<&BenchRecord> =
        groups.iter().flat_map(|(_, group)| group.iter().copied()).collect();
    let mut names = strategies(&all);
    names.push(LIMIT.to_owned());
    let values: Vec<f64> = all
        .iter()
        .flat_map(|record| names.iter().filter_map(|name| nanoseconds(record, name)))
        .flatten()
        .collect();
    let sizes: Vec<f64> = all.iter().map(|record| elements(record) as f64).collect();
    let panel = |(threads, group): &(String, Vec<&BenchRecord>)| {
        let series = |name: &String| {
            let point = |record: &&BenchRecord| {
                Some(Point { x: [elements(record) as f64; 3], y: nanoseconds(record, name)? })
            };
            let style = facts.style(name);
            let points = group.iter().filter_map(point).collect();
            Series { name: name.clone(), style, joined: true, points }
        };
        Panel {
            title: threads.clone(),
            x: Scale::log("elements", 8, sizes.iter().copied()),
            y: Scale::log("ns per element", 6, values.iter().copied()),
            series: names.iter().map(series).collect(),
            mark: None,
        }
    };
    let columns =
        ["elements", "threads", "strategy", "step ns per element", "middle half", "step us"];
    let mut data = Table::new("a step by the number of elements", &columns);
    for (threads, group) in groups {
        for record in group {
            for name in &names {
                let Some([median, low, high]) = nanoseconds(record, name) else { continue };
                let count = elements(record);
                let cell = if name == LIMIT { Cell::words } else { Cell::code };
                data.push(vec![
                    Cell::number(count.to_string(), count as f64),
                    Cell::words(threads.clone()),
                    cell(name.clone()),
                    show::number(median),
                    Cell::words(format!("{} to {}", show::digits(low), show::digits(high))),
                    show::number(median * count as f64 / 1e3),
                ]);
            }
        }
    }
    Figure {
        name: format!("{}-elements", machine.slug),
        chart: Chart {
            title: "Time of a step by the number of elements, f32".to_owned(),
            columns: groups.len().min(2),
            height: 430,
            legend: true,
            panels: groups.iter().map(panel).collect(),
        },
        caption: say(
            "A step is forward and backward of one layer, from a tensor that lies in the nearest cache to one far beyond all of them. Work that moves little is done by one thread, however many there are. `{}` is the sum of the two loops that stand for the limit of memory. Markers are medians, lines the middle half of the samples.",
            &[LIMIT],
        ),
        data,
    }
}
