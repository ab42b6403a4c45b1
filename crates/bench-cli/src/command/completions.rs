//! `completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;

/// The script that `shell` loads.
pub(crate) fn script(shell: Shell) -> Result<String, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "prelu-mem", &mut script);
    String::from_utf8(script).map_err(|error| Failure::Run(format!("completions: {error}")))
}
