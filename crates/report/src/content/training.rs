//! Training curves: that strategies learn alike, and what a step of each takes.

use serde_json::{Map, Value, json};

use super::show::{self, BASELINE};
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::training::{Epoch, Settings, TrainingRecord};

/// A chart with the curves of all runs, and a table.
pub(super) fn section(facts: &Facts, machine: &Machine) -> Vec<Block> {
    let mut runs: Vec<&TrainingRecord> =
        machine.trainings.iter().filter(|run| !run.epochs.is_empty()).collect();
    // Strategies in their own order, what is none behind them.
    runs.sort_by_key(|run| {
        run.settings.strategy.as_deref().map_or(usize::MAX, |name| facts.style(name))
    });
    if runs.is_empty() {
        return Vec::new();
    }
    vec![Block::Figure(figure(facts, machine, &runs)), Block::Table(table(&runs))]
}

fn label(run: &TrainingRecord) -> String {
    let settings = &run.settings;
    let mut label = match &settings.strategy {
        Some(strategy) => strategy.clone(),
        None => settings.activation.clone(),
    };
    if settings.gradients != "resident" {
        label = format!("{label}, {}", settings.gradients);
    }
    if settings.dtype != "f32" {
        label = format!("{label}, {}", settings.dtype);
    }
    label
}

/// What each run is called: its label, with the settings that tell it from others of that label.
fn labels(runs: &[&TrainingRecord]) -> Vec<String> {
    let settings = |run: &TrainingRecord| -> Map<String, Value> {
        json!(run.settings).as_object().cloned().unwrap_or_default()
    };
    let one = |run: &&TrainingRecord| {
        let (name, own) = (label(run), settings(run));
        let same: Vec<_> = runs.iter().filter(|r| label(r) == name).map(|r| settings(r)).collect();
        let differs = |key: &&String| same.iter().any(|other| other.get(*key) != own.get(*key));
        let value = |key: &String| match &own[key] {
            Value::String(words) => words.clone(),
            other => other.to_string(),
        };
        let apart = own.keys().filter(differs);
        let apart: Vec<String> =
            apart.map(|key| format!("{} {}", key.replace('_', " "), value(key))).collect();
        std::iter::once(name).chain(apart).collect::<Vec<_>>().join(", ")
    };
    runs.iter().map(one).collect()
}

fn styled(facts: &Facts, runs: &[&TrainingRecord]) -> Vec<(String, usize)> {
    let mut others = 0..;
    let mut style = |(run, label): (&&TrainingRecord, String)| {
        let style = match &run.settings.strategy {
            Some(strategy) => facts.style(strategy),
            None => Facts::other(others.next().unwrap_or(0)),
        };
        (label, style)
    };
    runs.iter().zip(labels(runs)).map(&mut style).collect()
}

/// The run that this one's losses are held against: the baseline's that learned the same function from the same start.
fn baseline<'a>(runs: &[&'a TrainingRecord], run: &TrainingRecord) -> Option<&'a TrainingRecord> {
    let task = |run: &TrainingRecord| Settings {
        activation: String::new(),
        strategy: None,
        hand_over: None,
        gradients: String::new(),
        epochs: 0,
        threads: 0,
        version: String::new(),
        ..run.settings.clone()
    };
    let full = |run: &&TrainingRecord| run.settings.strategy.as_deref() == Some(BASELINE);
    runs.iter().copied().filter(full).find(|base| task(base) == task(run))
}

/// By epoch: how far a mean loss is from the baseline's, over it.
fn differences(run: &TrainingRecord, base: &TrainingRecord) -> Vec<(usize, f64)> {
    let of = |epoch: &Epoch| {
        let there = base.epochs.iter().find(|there| there.epoch == epoch.epoch)?.mean_loss?;
        Some((epoch.epoch, (epoch.mean_loss? - there).abs() / there))
    };
    run.epochs.iter().filter_map(of).filter(|(_, value)| value.is_finite()).collect()
}

fn figure(facts: &Facts, machine: &Machine, runs: &[&TrainingRecord]) -> Figure {
    let labels = styled(facts, runs);
    let epochs = runs.iter().flat_map(|run| &run.epochs).map(|epoch| epoch.epoch as f64);
    let epochs = Scale::linear("epochs", None, epochs);
    let panel = |title: &str,
                 y: &dyn Fn(Vec<f64>) -> Scale,
                 value: &dyn Fn(&TrainingRecord) -> Vec<(usize, f64)>| {
        let series: Vec<Series> = runs
            .iter()
            .zip(&labels)
            .map(|(run, (name, style))| Series {
                name: name.clone(),
                style: *style,
                joined: true,
                points: value(run)
                    .into_iter()
                    .map(|(epoch, value)| Point::new(epoch as f64, value))
                    .collect(),
            })
            .collect();
        let values = series.iter().flat_map(|series| &series.points).map(|point| point.y[0]);
        let y = y(values.collect());
        Panel { title: title.to_owned(), x: epochs.clone(), y, series, mark: None }
    };
    let losses = |run: &TrainingRecord| {
        let loss = |epoch: &Epoch| Some((epoch.epoch, epoch.mean_loss.filter(|loss| *loss > 0.0)?));
        run.epochs.iter().filter_map(loss).collect()
    };
    let correct = |run: &TrainingRecord| {
        run.epochs.iter().map(|epoch| (epoch.epoch, 100.0 * epoch.test_accuracy)).collect()
    };
    let mut panels = vec![
        panel("Training loss", &|v| Scale::log("mean cross entropy (nats)", 5, v), &losses),
        panel("Test accuracy", &|v| Scale::linear("correct (%)", Some(floor(&v)), v), &correct),
    ];
    // By strategies, not by what is none.
    let away = |run: &TrainingRecord| -> Vec<(usize, f64)> {
        let base = baseline(runs, run).filter(|base| !std::ptr::eq(*base, run));
        let base = base.filter(|_| run.settings.strategy.is_some());
        base.map(|base| differences(run, base)).unwrap_or_default()
    };
    let largest = runs.iter().flat_map(|run| away(run)).map(|(_, value)| value).reduce(f64::max);
    if largest.is_some_and(|value| value > 0.0) {
        let some = |run: &TrainingRecord| {
            away(run).into_iter().filter(|(_, value)| *value > 0.0).collect()
        };
        let axis = |values| Scale::log("over its loss", 5, values);
        panels.push(panel("Difference of the loss from full-copy's", &axis, &some));
    }
    let caption = match largest {
        Some(largest) => say(
            "The losses of other strategies are off `{}`'s by {} of it at most; where they differ, the last panel shows by how much. A strategy that is missing there has its losses to the last digit.",
            &[BASELINE, &show::error(largest).text],
        ),
        None => say("A curve for each run.", &[]),
    };
    let columns = ["epoch", "run", "mean loss (nats)", "test accuracy %", "off full-copy's loss"];
    let mut data = Table::new("losses and accuracies by epoch", &columns);
    for (run, (name, _)) in runs.iter().zip(&labels) {
        let away = baseline(runs, run).map(|base| differences(run, base)).unwrap_or_default();
        for epoch in &run.epochs {
            let off = away.iter().find(|(number, _)| *number == epoch.epoch);
            data.push(vec![
                Cell::number(epoch.epoch.to_string(), epoch.epoch as f64),
                Cell::code(name.clone()),
                epoch
                    .mean_loss
                    .map_or_else(show::dash, |loss| Cell::number(format!("{loss:.6}"), loss)),
                accuracy(epoch),
                off.map_or_else(show::dash, |(_, value)| show::error(*value)),
            ]);
        }
    }
    Figure {
        name: format!("{}-training", machine.slug),
        chart: Chart {
            title: "Training on handwritten digits, by strategy".to_owned(),
            columns: 1,
            height: 330,
            legend: true,
            panels,
        },
        caption,
        data,
    }
}

/// In steps of 5 %, below the lowest value.
fn floor(values: &[f64]) -> f64 {
    let least = values.iter().copied().fold(100.0, f64::min);
    (((least - 1.0) / 5.0).floor() * 5.0).clamp(0.0, 95.0)
}

fn accuracy(epoch: &Epoch) -> Cell {
    Cell::number(format!("{:.2}", 100.0 * epoch.test_accuracy), epoch.test_accuracy)
}

fn table(runs: &[&TrainingRecord]) -> Table {
    let columns = [
        "run",
        "gradients",
        "epochs",
        "last mean loss",
        "test accuracy %",
        "largest difference from full-copy's loss",
        "step KiB",
    ];
    let mut table = Table::new("Runs on the digits", &columns);
    for (run, label) in runs.iter().zip(labels(runs)) {
        let Some(last) = run.epochs.last() else { continue };
        let away = baseline(runs, run).map(|base| differences(run, base)).unwrap_or_default();
        let largest = away.into_iter().map(|(_, value)| value).reduce(f64::max);
        let step = run.memory.as_ref().map(|memory| memory.counted_step_bytes as f64 / 1024.0);
        table.push(vec![
            Cell::code(label),
            Cell::words(run.settings.gradients.clone()),
            Cell::number(last.epoch.to_string(), last.epoch as f64),
            last.mean_loss.map_or_else(show::dash, |loss| Cell::number(format!("{loss:.6}"), loss)),
            accuracy(last),
            largest.map_or_else(show::dash, show::error),
            step.map_or_else(show::dash, |step| Cell::number(format!("{step:.1}"), step)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample;
    use crate::record::samples::ALL;

    fn run(strategy: Option<&str>, losses: [f64; 2]) -> TrainingRecord {
        let mut run: TrainingRecord = serde_json::from_str(ALL[2]).expect("a sample");
        run.settings.strategy = strategy.map(str::to_owned);
        for (epoch, loss) in run.epochs.iter_mut().zip(losses) {
            epoch.mean_loss = Some(loss);
        }
        run
    }

    fn machine(runs: Vec<TrainingRecord>) -> crate::Evidence {
        let mut evidence = crate::Evidence::default();
        for run in runs {
            let record = crate::record::Record::Training(run);
            evidence.add(record, std::path::Path::new("box")).expect("of one machine");
        }
        evidence
    }

    fn caption(runs: Vec<TrainingRecord>) -> (usize, String) {
        let evidence = machine(runs);
        let blocks = section(&sample(), &evidence.machines[0]);
        let Block::Figure(figure) = &blocks[0] else { panic!("a figure comes first") };
        (figure.chart.panels.len(), crate::page::markdown::words(&figure.caption))
    }

    #[test]
    fn captions_say_how_far_losses_are() {
        let full = || run(Some("full-copy"), [2.0, 1.0]);
        let (panels, words) = caption(vec![full(), run(Some("bitmask"), [2.0, 1.5])]);
        assert!(panels == 3 && words.contains("by 0.500 of it at most"), "{words}");
        let (panels, words) = caption(vec![full(), run(Some("diff-stash"), [2.0, 1.0])]);
        assert!(panels == 2 && words.contains("by 0 of it at most"), "{words}");
        let mut composed = run(None, [2.0, 1.1]);
        composed.settings.activation = "composition".into();
        assert_eq!(caption(vec![full(), composed]), (2, "A curve for each run.".into()));
        assert_eq!(caption(vec![run(Some("bitmask"), [2.0, 1.0])]).1, "A curve for each run.");
    }

    #[test]
    fn only_runs_of_one_task_are_compared() {
        let (full, bits) = (run(Some("full-copy"), [2.0, 1.0]), run(Some("bitmask"), [2.0, 1.1]));
        let mut other = bits.clone();
        other.settings.batch = 64;
        let runs = [&full, &bits, &other];
        assert!(baseline(&runs, &bits).is_some() && baseline(&runs, &other).is_none());
        assert_eq!(labels(&runs), ["full-copy", "bitmask, batch 32", "bitmask, batch 64"]);
    }
}
