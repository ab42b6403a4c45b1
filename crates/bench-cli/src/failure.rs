//! Why a command did not succeed, and the exit status that says so.

use std::fmt;
use std::process::ExitCode;

use prelu_mem_core::Error;

/// A command's failure. The message names the bad value and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command line or an input file cannot be used: exit status 2.
    Usage(String),
    /// The run or a check failed: exit status 1.
    Run(String),
    /// The device refused an allocation: exit status 1.
    OutOfMemory(String),
    /// Ctrl-C: what was finished has been printed; exit status 130, as shells expect.
    Interrupted(String),
}

impl Failure {
    /// The engine's error, after `what` could not be done.
    pub(crate) fn of(what: &dyn fmt::Display, error: &Error) -> Self {
        let message = format!("{what}: {error}");
        match error {
            Error::OutOfMemory { .. } => Failure::OutOfMemory(message),
            _ => Failure::Run(message),
        }
    }

    /// The exit status of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Usage(_) => 2,
            Failure::Run(_) | Failure::OutOfMemory(_) => 1,
            Failure::Interrupted(_) => 130,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::OutOfMemory { .. } => Failure::OutOfMemory(error.to_string()),
            _ => Failure::Run(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message)
            | Failure::Run(message)
            | Failure::OutOfMemory(message)
            | Failure::Interrupted(message) => f.write_str(message),
        }
    }
}
