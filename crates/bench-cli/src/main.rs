//! `prelu-mem`: reads the command line, runs the command, and turns the outcome into an exit status.

mod apply;
mod bench;
mod check;
mod cli;
mod command;
mod device;
mod draft;
mod export;
mod failure;
mod machine;
mod network;
mod npy;
mod options;
mod output;
mod plan;
mod record;
mod report;
mod train;
mod units;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::export::Format;
use crate::failure::Failure;
use crate::output::Printer;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to tell if standard error is closed too.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let printer = Printer::open(cli.format.unwrap_or(Format::Table), cli.output.as_deref())?;
    match cli.command {
        Command::Bench(options) => bench::run(&options, printer),
        Command::Apply(options) => apply::run(&options, printer),
        Command::Plan(options) => plan::run(&options, printer),
        Command::Check(options) => check::run(&options, printer),
        Command::Train(options) => train::run(&options, cli.output.as_deref(), printer),
        Command::Report(options) => report::run(&options, cli.format, cli.output.as_deref()),
        Command::Info => printer.print(&command::info::Info::ask()?),
        Command::Completions { .. } if cli.format.is_some() => Err(Failure::Usage(
            "--format: a completion script has one format only; leave it out".into(),
        )),
        Command::Completions { shell } => printer.print_text(&command::completions::script(shell)?),
    }
}
