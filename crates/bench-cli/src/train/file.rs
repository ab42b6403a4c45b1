//! What the record of a run is called: its activation and strategy, and a few settings where they are not the usual ones.

use super::options::TrainOptions;
use crate::failure::Failure;
use crate::options::gradients::Gradients;
use crate::record::{self as place, Place};
use prelu_mem_report::machine::Machine;
use prelu_mem_report::machine::slug;
use prelu_mem_report::record::Record;
use prelu_mem_report::record::training::Settings;

/// Where the record goes, or none.
pub(super) fn place(
    options: &TrainOptions,
    machine: &Machine,
    settings: &Settings,
) -> Result<Option<Place>, Failure> {
    let mut parts = vec![format!("training {}", settings.activation)];
    parts.extend(settings.strategy.clone());
    parts.extend(settings.hand_over.clone().filter(|way| way == "copy"));
    parts.extend((options.gradients == Gradients::Transient).then(|| settings.gradients.clone()));
    parts.extend((settings.dtype != "f32").then(|| settings.dtype.clone()));
    parts.extend((settings.seed != 1).then(|| format!("seed {}", settings.seed)));
    let parts: Vec<String> = parts.iter().map(|part| slug(part)).collect();
    Place::find(&options.record, machine, &parts.join("-"), |there| {
        let Record::Training(there) = there else {
            return Err("is of another kind".into());
        };
        place::same_machine(&there.machine, machine)?;
        place::same_settings(&there.settings, settings)
    })
}
