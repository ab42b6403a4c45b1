//! `train`: a small network on handwritten digits, with the activation and strategy of the user's choice.
//!
//! Options - settings - start (new, resumed or fine-tuned) - session (epoch after epoch) - report, curves.

mod curves;
mod file;
mod numbers;
mod options;
mod picture;
mod report;
mod session;
mod settings;
mod start;
mod targets;

use std::path::Path;

use prelu_mem_core::{Dtype, Error};
use prelu_mem_net::train::Training;
use prelu_mem_net::{NetError, Number};

use self::curves::Curves;
pub(crate) use self::options::TrainOptions;
use self::report::TrainReport;
use self::session::Outcome;
use crate::bench::interrupt;
use crate::draft::Draft;
use crate::failure::Failure;
use crate::machine;
use crate::output::Printer;

/// Trains, prints and saves. `output` is the file that `printer` writes, if it writes one.
pub(crate) fn run(
    options: &TrainOptions,
    output: Option<&Path>,
    printer: Printer,
) -> Result<(), Failure> {
    targets::refuse_equal(options, output)?;
    match options.dtype {
        Dtype::F32 => run_typed::<f32>(options, printer),
        Dtype::F64 => run_typed::<f64>(options, printer),
        other => Err(Failure::Usage(format!("--dtype {other}: f32 and f64 are accepted"))),
    }
}

fn run_typed<T: Number>(options: &TrainOptions, printer: Printer) -> Result<(), Failure> {
    let settings = settings::settings(options)?;
    // Everything that can be refused is refused before the first epoch.
    let check = |folder: &Path| Curves::check(folder, options.resume.is_some());
    let curves = options.curves.as_deref().map(check).transpose()?;
    if let Some(path) = &options.save {
        Draft::open("--save", path)?;
    }
    let (cpu, mut training) = start::start::<T>(options, settings)?;
    let settings = settings::record(options, cpu.threads());
    let machine = machine::ask(None)?;
    let file = file::place(options, &machine, &settings)?;
    interrupt::listen()?;

    let last = options.stop_after.unwrap_or(options.epochs);
    let save = |training: &Training<T>| match &options.save {
        None => Ok(()),
        Some(path) => {
            let bytes = training.save().map_err(|error| Failure::Run(error.to_string()))?;
            Draft::open("--save", path).map_err(in_the_run)?.publish(&bytes)
        }
    };
    let outcome = session::run(&cpu, &mut training, last, interrupt::stop_asked, save);
    let verdict = verdict(options, &outcome, training.epochs_done() < last);
    // Whatever fails now, what was finished is printed.
    let drawn = curves.map_or(Ok(()), |curves| curves.write(options, &outcome).map_err(in_the_run));
    let report = TrainReport::new(options, (machine, settings), outcome);
    printer.print(&report)?;
    drawn.and(verdict)?;
    file.map_or(Ok(()), |file| file.write(report.record()))
}

/// A place that was usable before the first epoch and no longer is: the command line was right.
fn in_the_run(failure: Failure) -> Failure {
    match failure {
        Failure::Usage(reason) => Failure::Run(reason),
        other => other,
    }
}

fn verdict(options: &TrainOptions, outcome: &Outcome, unfinished: bool) -> Result<(), Failure> {
    if let Some(failure) = &outcome.failed {
        return Err(failure.clone());
    }
    if let Some(epoch) = outcome.diverged {
        let rate = options.learning_rate;
        return Err(Failure::Run(format!(
            "the loss became infinite or NaN in epoch {epoch}: try a --learning-rate below {rate}"
        )));
    }
    if let Some(finished) = outcome.epochs.iter().find(|finished| !finished.as_planned()) {
        return Err(Failure::Run(format!(
            "the first step of epoch {} took {} bytes, not the {} that were planned",
            finished.epoch.epoch,
            finished.counted_bytes,
            finished.planned.peak_bytes()
        )));
    }
    if unfinished {
        return Err(Failure::Interrupted(
            "stopped by Ctrl-C: the results are those of the epochs finished before".into(),
        ));
    }
    Ok(())
}

/// What a net refuses when it is built is a setting, but for memory.
fn refused(error: NetError) -> Failure {
    match error {
        NetError::Engine(Error::OutOfMemory { .. }) => Failure::Run(error.to_string()),
        other => Failure::Usage(other.to_string()),
    }
}
