//! `check`: every strategy in every element type and layout, on this machine, against an oracle that
//! computes PReLU element by element in f64.

mod report;
mod suite;

use clap::Args;
use half::{bf16, f16};
use prelu_mem_registry::StrategyName;

use crate::bench::{accuracy, interrupt, progress::Progress};
use crate::device::{Opened, Place, Runs};
use crate::failure::Failure;
use crate::machine;
use crate::options::device::DeviceName;
use crate::options::record::RecordOptions;
use crate::options::threads;
use crate::output::Printer;
use crate::record::{Place as RecordPlace, same_machine};
use prelu_mem_report::machine::Machine;
use prelu_mem_report::machine::slug;
use prelu_mem_report::record::check::{Accuracy, CheckRecord, Row};
use prelu_mem_report::record::{Kind, Record, SCHEMA};
use report::Checked;
use suite::Suite;

const EXAMPLES: &str = "\
Examples:
  prelu-mem check
  prelu-mem check --threads 1
  prelu-mem check --device cuda
  prelu-mem check --format csv --output check.csv
  prelu-mem check --record               and the record, for prelu-mem report

Outputs and input gradients are compared bit by bit, slope gradients with a bound derived from the
element type: an error of 1 is the most that is allowed. Exit status 1 if anything is missed.

Besides, slope gradients of slopes from 1e-8 to 4, of both signs, are compared with f64: their relative errors are shown,
and nothing is asked of them.";

/// Where to check.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckOptions {
    /// Where to run: cpu, cuda or cuda:I
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceName,

    /// Number of threads, on the processor [default: one per processor]
    #[arg(long, value_name = "N", value_parser = threads::parse, allow_hyphen_values = true)]
    pub(crate) threads: Option<usize>,

    #[command(flatten)]
    pub(crate) record: RecordOptions,
}

/// Runs the command. What was checked is printed whether it held or not.
pub(crate) fn run(options: &CheckOptions, printer: Printer) -> Result<(), Failure> {
    match options.device.open(options.threads)? {
        // The cases are small: all threads are to work on them all the same.
        Opened::Cpu(cpu) => run_on(options, &cpu.sharing_from(0), printer),
        Opened::Cuda(cuda) => run_on(options, &cuda, printer),
    }
}

fn run_on<B>(options: &CheckOptions, backend: &B, printer: Printer) -> Result<(), Failure>
where
    B: Runs<f16> + Runs<bf16> + Runs<f32> + Runs<f64>,
{
    let (place, machine) = (backend.place(), machine::ask(options.device.cuda())?);
    let file = file(options, &place, &machine)?;
    interrupt::listen()?;
    let progress = Progress::start();
    let mut watch = |next: String, share: f64| {
        progress.show(next, share);
        !interrupt::stop_asked()
    };
    let mut suite = Suite::new(backend, &mut watch);
    for &strategy in StrategyName::ALL {
        suite.round::<f16>(strategy);
        suite.round::<bf16>(strategy);
        suite.round::<f32>(strategy);
        suite.round::<f64>(strategy);
    }
    let (rows, held) = suite.finish();
    let accuracy = if held { accuracy_of(backend, &progress)? } else { None };
    drop(progress);

    let complete = accuracy.is_some();
    let record = record(&place, machine, (rows, accuracy.unwrap_or_default()), complete);
    let checked = Checked { place, record };
    let verdict = checked.verdict();
    printer.print(&checked)?;
    if !complete {
        return Err(Failure::Interrupted("stopped: only the finished checks are shown".into()));
    }
    verdict?;
    file.map_or(Ok(()), |file| file.write(&checked.record))
}

/// In all element types; none where a stop was asked for.
fn accuracy_of<B>(backend: &B, progress: &Progress) -> Result<Option<Vec<Accuracy>>, Failure>
where
    B: Runs<f16> + Runs<bf16> + Runs<f32> + Runs<f64>,
{
    let measured = || {
        let mut rows = accuracy::measure::<B, f16>(backend, progress)?;
        rows.extend(accuracy::measure::<B, bf16>(backend, progress)?);
        rows.extend(accuracy::measure::<B, f32>(backend, progress)?);
        rows.extend(accuracy::measure::<B, f64>(backend, progress)?);
        Ok(rows)
    };
    match measured() {
        Err(Failure::Interrupted(_)) => Ok(None),
        done => done.map(Some),
    }
}

/// All that was found, as programs read it.
fn record(
    place: &Place,
    machine: Machine,
    (rows, accuracy): (Vec<Row>, Vec<Accuracy>),
    complete: bool,
) -> CheckRecord {
    CheckRecord {
        record: Kind::Check,
        schema: SCHEMA,
        machine,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device: place.device.clone(),
        device_name: place.name.clone(),
        threads: place.threads,
        simd: place.simd.map(str::to_owned),
        complete,
        cases: rows.iter().map(|row| row.cases).sum(),
        failed: rows.iter().map(|row| row.failed).sum(),
        rows,
        accuracy,
    }
}

/// Where the record goes, or none.
fn file(
    options: &CheckOptions,
    place: &Place,
    machine: &Machine,
) -> Result<Option<RecordPlace>, Failure> {
    // Results do not depend on the number of threads, but for which loops are run.
    let on = place.threads.map_or(place.device.clone(), |threads| match threads {
        1 => "1-thread".to_owned(),
        _ => format!("{threads}-threads"),
    });
    let name = format!("check-{}", slug(&on));
    RecordPlace::find(&options.record, machine, &name, |there| {
        let Record::Check(there) = there else {
            return Err("is of another kind".into());
        };
        same_machine(&there.machine, machine)?;
        if there.simd.as_deref() == place.simd {
            Ok(())
        } else {
            Err(format!(
                "has other settings: SIMD level {}",
                there.simd.as_deref().unwrap_or("none")
            ))
        }
    })
}
