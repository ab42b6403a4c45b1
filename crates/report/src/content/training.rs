//! Training curves: that strategies learn alike, and what a step of each takes.

use super::show::{self, BASELINE};
use crate::chart::{Chart, Panel, Point, Scale, Series};
use crate::doc::{Block, Cell, Figure, Table, say};
use crate::evidence::Machine;
use crate::facts::Facts;
use crate::record::training::{Epoch, TrainingRecord};

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

fn styled(facts: &Facts, runs: &[&TrainingRecord]) -> Vec<(String, usize)> {
    let mut others = 0..;
    let mut style = |run: &&TrainingRecord| {
        let style = match &run.settings.strategy {
            Some(strategy) => facts.style(strategy),
            None => Facts::other(others.next().unwrap_or(0)),
        };
        (label(run), style)
    };
    runs.iter().map(&mut style).collect()
}

/// The run that losses are held against.
fn baseline<'a>(runs: &[&'a TrainingRecord]) -> Option<&'a TrainingRecord> {
    runs.iter().copied().find(|run| run.settings.strategy.as_deref() == Some(BASELINE))
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
    if let Some(base) = baseline(runs) {
        let away = |run: &TrainingRecord| -> Vec<(usize, f64)> {
            let other = run.settings.strategy.is_some() && !std::ptr::eq(run, base);
            let all = if other { differences(run, base) } else { Vec::new() };
            all.into_iter().filter(|(_, value)| *value > 0.0).collect()
        };
        let axis = |values| Scale::log("over its loss", 5, values);
        panels.push(panel("Difference of the loss from full-copy's", &axis, &away));
    }
    let columns = ["epoch", "run", "mean loss (nats)", "test accuracy %", "off full-copy's loss"];
    let mut data = Table::new("losses and accuracies by epoch", &columns);
    for (run, (name, _)) in runs.iter().zip(&labels) {
        let away = baseline(runs).map(|base| differences(run, base)).unwrap_or_default();
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
        name: format!("{}-training", machine.name),
        chart: Chart {
            title: "Training on handwritten digits, by strategy".to_owned(),
            columns: 1,
            height: 330,
            legend: true,
            panels,
        },
        caption: say(
            "The curves of strategies lie on one another: that is the point, and the last panel shows by how much they differ. A run that is missing from it has `{}`'s losses bit for bit.",
            &[BASELINE],
        ),
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
    for run in runs {
        let Some(last) = run.epochs.last() else { continue };
        let away = baseline(runs).map(|base| differences(run, base)).unwrap_or_default();
        let largest = away.into_iter().map(|(_, value)| value).reduce(f64::max);
        let step = run.memory.as_ref().map(|memory| memory.counted_step_bytes as f64 / 1024.0);
        table.push(vec![
            Cell::code(label(run)),
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
