//! `plan`: the memory of a training step by strategy, predicted without running it.

mod options;
mod planner;
mod report;

use half::{bf16, f16};
use prelu_mem_core::{Dtype, Element};
use prelu_mem_registry::StrategyName;

use crate::bench::target::Target;
use crate::failure::Failure;
use crate::options::gradients::Gradients;
use crate::output::Printer;

pub(crate) use options::PlanOptions;
pub(crate) use planner::Planner;
use report::{PlanReport, Row, Settings};

/// Plans and prints.
pub(crate) fn run(options: &PlanOptions, printer: Printer) -> Result<(), Failure> {
    let rows = match options.dtype {
        Dtype::F16 => rows::<f16>(options),
        Dtype::Bf16 => rows::<bf16>(options),
        Dtype::F32 => rows::<f32>(options),
        Dtype::F64 => rows::<f64>(options),
    };
    let (settings, rows) = rows?;
    printer.print(&PlanReport { schema: 1, settings, rows })
}

fn rows<T: Element>(options: &PlanOptions) -> Result<(Settings, Vec<Row>), Failure> {
    let name = options.network.as_deref();
    let target = Target::network(name, options.batch, options.slopes.clone(), options.seed)?;
    let planner = Planner::<T>::new(&target)?;
    let mut rows = Vec::new();
    for gradients in modes(options.gradients) {
        for &strategy in StrategyName::ALL {
            let plan = planner.plan(strategy, gradients, planner.batch)?;
            let largest = options.budget.map(|budget| planner.largest(strategy, gradients, budget));
            let smallest = planner.plan(strategy, gradients, 1)?.peak_bytes();
            rows.push(Row::new(strategy, gradients, &plan, largest, smallest));
        }
    }
    Ok((Settings::new(options, &target, planner.batch), rows))
}

fn modes(named: Option<Gradients>) -> Vec<Gradients> {
    named.map_or_else(|| vec![Gradients::Resident, Gradients::Transient], |mode| vec![mode])
}
