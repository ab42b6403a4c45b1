//! A run before its first epoch: new, gone on with, or from another run's weights.

use std::path::Path;

use prelu_mem_core::Cpu;
use prelu_mem_net::Number;
use prelu_mem_net::digits::Digits;
use prelu_mem_net::train::{Settings, Training};

use super::options::TrainOptions;
use super::refused;
use crate::failure::Failure;
use crate::options::device::DeviceName;
use crate::options::threads;

/// The net with the parameters it starts from.
pub(super) fn start<T: Number>(
    options: &TrainOptions,
    settings: Settings,
) -> Result<(Cpu, Training<T>), Failure> {
    let (train, _) = Digits::<T>::load().map_err(refused)?;
    if options.batch > train.len() {
        let (batch, most) = (options.batch, train.len());
        return Err(Failure::Usage(format!(
            "--batch {batch}: there are {most} images to train on; give 1 to {most}"
        )));
    }
    let cpu = DeviceName::Cpu.open(threads::or_all(options.threads))?;
    let mut training = Training::new(&cpu, settings).map_err(refused)?;
    if let Some(path) = &options.resume {
        resume(&mut training, path, options.stop_after.unwrap_or(options.epochs))?;
    }
    if let Some(path) = &options.fine_tune {
        let file = read("--fine-tune", path)?;
        let used = training.fine_tune(&file);
        used.map_err(|error| unusable("--fine-tune", path, &error))?;
    }
    Ok((cpu, training))
}

fn resume<T: Number>(training: &mut Training<T>, path: &Path, last: usize) -> Result<(), Failure> {
    let file = read("--resume", path)?;
    training.resume(&file).map_err(|error| unusable("--resume", path, &error))?;
    let done = training.epochs_done();
    if done >= last {
        let reason =
            format!("{done} epochs of the run are done; nothing is left up to epoch {last}");
        return Err(unusable("--resume", path, &reason));
    }
    Ok(())
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| unusable(option, path, &error))
}

fn unusable(option: &str, path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::Run(format!("{option} {}: {reason}", path.display()))
}
