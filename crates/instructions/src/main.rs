//! Runs single passes of the CPU loops, for `scripts/instructions` to count: under callgrind, or, with `--step`, by
//! single steps of its own.
//!
//! ```text
//! for each layout, strategy and direction:
//!     run the step once, so that buffers are there
//!     print a line: what is counted, and what the count is to be divided by
//!     run the step again, its pass inside `counted`
//! ```
//!
//! Callgrind collects inside `passes::counted` alone and writes one profile per call of it, in the
//! order of the lines. One thread: the caller's.

mod layouts;
mod passes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stepped;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[path = "not_stepped.rs"]
mod stepped;

use std::process::ExitCode;

use half::{bf16, f16};
use prelu_mem_adaptive::Adaptive;
use prelu_mem_bitmask::Bitmask;
use prelu_mem_core::cpu::Level;
use prelu_mem_core::{Cpu, Dtype, Element, Error, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};

use layouts::{CALLS, LAYOUTS, Layout, Signs};
use passes::Passes;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--levels"] {
        let here = Level::ALL.into_iter().filter(|level| level.supported().is_ok());
        here.for_each(|level| println!("{level}"));
        return ExitCode::SUCCESS;
    }
    let (step, which) = match arguments.split_first() {
        Some((first, which)) if first == "--step" => (true, which),
        _ => (false, &arguments[..]),
    };
    let [level, dtype] = which else {
        eprintln!("usage: prelu-mem-instructions --levels | [--step] LEVEL DTYPE");
        return ExitCode::from(2);
    };
    let Some(level) = Level::ALL.into_iter().find(|known| known.name() == level) else {
        let known = Level::ALL.map(Level::name).join(", ");
        eprintln!("unknown level '{level}': {known} are accepted");
        return ExitCode::from(2);
    };
    let Some(dtype) = Dtype::ALL.into_iter().find(|known| known.name() == dtype) else {
        let known = Dtype::ALL.map(Dtype::name).join(", ");
        eprintln!("unknown dtype '{dtype}': {known} are accepted");
        return ExitCode::from(2);
    };
    let done = match step {
        true => stepped::lines(which).map(|lines| lines.iter().for_each(|line| println!("{line}"))),
        false => run(level, dtype).map_err(std::io::Error::other),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(level: Level, dtype: Dtype) -> Result<(), Error> {
    let cpu = Cpu::with_level(1, level)?;
    match dtype {
        Dtype::F32 if stepped::is_stepped() => {
            main_strategies::<f32>(&cpu)?;
            calls(&cpu)
        }
        Dtype::F32 => {
            every_strategy(&cpu)?;
            calls(&cpu)
        }
        Dtype::F64 => main_strategies::<f64>(&cpu),
        Dtype::F16 => main_strategies::<f16>(&cpu),
        Dtype::Bf16 => main_strategies::<bf16>(&cpu),
    }
}

/// Every strategy in every layout.
fn every_strategy(cpu: &Cpu) -> Result<(), Error> {
    for layout in LAYOUTS {
        let uniform = Passes::<f32>::new(cpu, layout, Signs::Positive)?;
        for &name in StrategyName::ALL {
            with(name, Step(&uniform))?;
        }
        mixed::<f32>(cpu, layout)?;
        uniform.direct()?;
    }
    Ok(())
}

/// The cost of a call.
fn calls(cpu: &Cpu) -> Result<(), Error> {
    for layout in CALLS {
        let uniform = Passes::<f32>::new(cpu, layout, Signs::Positive)?;
        uniform.step(Bitmask, "bitmask")?;
        uniform.step(Adaptive, "adaptive")?;
        uniform.direct()?;
    }
    Ok(())
}

/// The strategies that are recommended, in every layout.
fn main_strategies<T: Element>(cpu: &Cpu) -> Result<(), Error> {
    for layout in LAYOUTS {
        let uniform = Passes::<T>::new(cpu, layout, Signs::Positive)?;
        uniform.step(Bitmask, "bitmask")?;
        uniform.step(Adaptive, "adaptive")?;
        mixed::<T>(cpu, layout)?;
        uniform.direct()?;
    }
    Ok(())
}

/// `adaptive` where the slopes' classes differ; one shared slope has one class.
fn mixed<T: Element>(cpu: &Cpu, layout: &Layout) -> Result<(), Error> {
    if layout.has_one_slope() {
        return Ok(());
    }
    Passes::<T>::new(cpu, layout, Signs::Mixed)?.step(Adaptive, "adaptive-mixed")
}

/// A strategy that the registry names.
struct Step<'a, T: Element>(&'a Passes<'a, T>);

impl<T: Element> Visitor<Cpu, T> for Step<'_, T> {
    type Output = Result<(), Error>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        self.0.step(strategy, S::NAME)
    }
}
