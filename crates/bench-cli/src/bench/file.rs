//! What the record of a run is called: its settings, where they are not the usual ones.

use prelu_mem_registry::StrategyName;

use super::target::{Subject, Target};
use crate::failure::Failure;
use crate::options::bench::BenchOptions;
use crate::options::gradients::Gradients;
use crate::options::hand_over::HandOver;
use crate::record::{self as place, Place};
use prelu_mem_report::machine::Machine;
use prelu_mem_report::machine::slug;
use prelu_mem_report::record::Record;
use prelu_mem_report::record::bench::Settings;

/// Where the record of these strategies goes, or none.
pub(super) fn place(
    options: &BenchOptions,
    target: &Target,
    (machine, settings): (&Machine, &Settings),
    names: &[StrategyName],
) -> Result<Option<Place>, Failure> {
    let name = name(options, target, settings, names);
    Place::find(&options.record, machine, &name, |there| {
        let Record::Bench(there) = there else {
            return Err("is of another kind".into());
        };
        place::same_machine(&there.machine, machine)?;
        place::same_settings(&there.settings, settings)?;
        let missing =
            |name: &&StrategyName| there.rows.iter().all(|row| row.strategy != name.name());
        match names.iter().find(missing) {
            None => Ok(()),
            Some(name) => Err(format!("is of other strategies: {name} is not in it")),
        }
    })
}

fn name(
    options: &BenchOptions,
    target: &Target,
    settings: &Settings,
    names: &[StrategyName],
) -> String {
    let mut parts = vec!["bench".to_owned()];
    match &target.subject {
        Subject::Network(network, batch) => {
            parts.push(network.name.clone());
            parts.extend((*batch != network.batch).then(|| format!("batch {batch}")));
        }
        Subject::Shape(shape) => {
            let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
            parts.push(sizes.join("x"));
        }
    }
    parts.extend(options.axis.map(|axis| format!("axis {axis}")));
    parts.extend(options.shared_slope.then(|| "shared".to_owned()));
    parts.push(settings.dtype.clone());
    parts.push(match settings.threads {
        Some(1) => "1 thread".to_owned(),
        Some(threads) => format!("{threads} threads"),
        None => settings.device.clone(),
    });
    parts.extend(settings.wait_policy.clone());
    parts.extend((settings.slopes != "0.25").then(|| format!("slopes {}", settings.slopes)));
    parts.extend((options.gradients == Gradients::Transient).then(|| settings.gradients.clone()));
    parts.extend((settings.steps != 1).then(|| format!("{} steps", settings.steps)));
    parts.extend((settings.seed != 0).then(|| format!("seed {}", settings.seed)));
    if names != StrategyName::ALL {
        parts.extend(names.iter().map(|name| name.name().to_owned()));
    }
    let copies = options.hand_over.contains(&HandOver::Copy);
    parts.extend(copies.then(|| "copied stash".to_owned()));
    let parts: Vec<String> = parts.iter().map(|part| slug(part)).collect();
    parts.join("-")
}
