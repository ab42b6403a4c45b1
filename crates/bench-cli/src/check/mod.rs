//! `check`: every strategy in every element type and layout, on this machine, against an oracle that
//! computes PReLU element by element in f64.

mod report;
mod suite;

use clap::Args;
use half::{bf16, f16};
use prelu_mem_registry::StrategyName;

use crate::bench::{interrupt, progress::Progress};
use crate::device::{Opened, Runs};
use crate::failure::Failure;
use crate::options::device::DeviceName;
use crate::options::threads;
use crate::output::Printer;
use report::Checked;
use suite::Suite;

const EXAMPLES: &str = "\
Examples:
  prelu-mem check
  prelu-mem check --threads 1
  prelu-mem check --device cuda
  prelu-mem check --format csv --output check.csv

Outputs and input gradients are compared bit by bit, slope gradients with a bound derived from the
element type: an error of 1 is the most that is allowed. Exit status 1 if anything is missed.";

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
}

/// Runs the command. What was checked is printed whether it held or not.
pub(crate) fn run(options: &CheckOptions, printer: Printer) -> Result<(), Failure> {
    match options.device.open(options.threads)? {
        // The cases are small: all threads are to work on them all the same.
        Opened::Cpu(cpu) => run_on(&cpu.sharing_from(0), printer),
        Opened::Cuda(cuda) => run_on(&cuda, printer),
    }
}

fn run_on<B>(backend: &B, printer: Printer) -> Result<(), Failure>
where
    B: Runs<f16> + Runs<bf16> + Runs<f32> + Runs<f64>,
{
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
    let (rows, complete) = suite.finish();
    drop(progress);

    let checked = Checked { rows, complete, place: backend.place() };
    let verdict = checked.verdict();
    printer.print(&checked)?;
    if complete {
        verdict
    } else {
        Err(Failure::Interrupted("stopped: only the finished checks are shown".into()))
    }
}
