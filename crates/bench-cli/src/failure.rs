//! Why a command did not succeed, and the exit status that says so.

use std::fmt;
use std::process::ExitCode;

/// A command's failure. The message names the bad value and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command line or an input file cannot be used: exit status 2.
    Usage(String),
    /// The run or a check failed: exit status 1.
    Run(String),
    /// Ctrl-C: what was finished has been printed; exit status 130, as shells expect.
    Interrupted(String),
}

impl Failure {
    /// The exit status of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Usage(_) => 2,
            Failure::Run(_) => 1,
            Failure::Interrupted(_) => 130,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) | Failure::Run(message) | Failure::Interrupted(message) => {
                f.write_str(message)
            }
        }
    }
}
