//! A run before its first epoch: new, gone on with, or from another run's weights.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use prelu_mem_core::Cpu;
use prelu_mem_net::digits::Digits;
use prelu_mem_net::train::{Settings, Training};
use prelu_mem_net::{NetError, Number};

use super::options::TrainOptions;
use super::refused;
use crate::failure::Failure;
use crate::options::device;

/// Of a saved run: many times what this network has.
const MOST_BYTES: u64 = 64 << 20;

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
    let cpu = device::processor(options.threads)?;
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
    training.resume(&file).map_err(|error| match error {
        // The options are the settings' names.
        NetError::OtherSettings { setting, saved, expected } => {
            let option = format!("--{}", setting.replace(' ', "-"));
            let reason = format!("a run with {option} {saved}, not {expected}");
            unusable("--resume", path, &reason)
        }
        error => unusable("--resume", path, &error),
    })?;
    let done = training.epochs_done();
    if done >= last {
        let reason =
            format!("{done} epochs of the run are done; nothing is left up to epoch {last}");
        return Err(unusable("--resume", path, &reason));
    }
    Ok(())
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| unusable(option, path, &error);
    // Before it is opened: a pipe would be waited for.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(unusable(option, path, &"is not a regular file; name one that --save wrote"));
    }
    let (mut bytes, file) = (Vec::new(), File::open(path).map_err(failed)?);
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        let reason = format!("more than {} MiB; name a file that --save wrote", MOST_BYTES >> 20);
        return Err(unusable(option, path, &reason));
    }
    Ok(bytes)
}

fn unusable(option: &str, path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::Run(format!("{option} {}: {reason}", path.display()))
}
