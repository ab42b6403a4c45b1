//! A CUDA driver for tests: a library of the driver's name that runs the kernels on the CPU.
//!
//! The kernels are the sources that a GPU's are made from, compiled with the C++ compiler; the threads
//! of a block are fibers. Whoever finds the library in [`directory`] before NVIDIA's runs on it,
//! unchanged: [`command`] and [`rerun`] make it so for a program and for a test's own.
//!
//! It ends the process with a message where a kernel does what a GPU leaves undefined: barriers and
//! shuffles that some threads never reach, writes beside an allocation, a shared array or to freed
//! memory. It refuses calls as NVIDIA's driver does. The environment sets what it shows:
//!
//! - `PRELU_MEM_SHIM_DEVICES=2`: how many devices, else 1;
//! - `PRELU_MEM_SHIM_CAPABILITY=7.0`: their compute capability, else 9.0;
//! - `PRELU_MEM_SHIM_MEMORY=bytes`: memory of each, else 8 GiB;
//! - `PRELU_MEM_SHIM_LATE=1`: what is put in a stream is done only when somebody waits for it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// The directory that holds the library; none on systems other than Unix, nor on another machine than
/// the one that made it.
pub fn directory() -> Option<&'static Path> {
    option_env!("PRELU_MEM_CUDA_SHIM").map(Path::new).filter(|path| path.is_dir())
}

/// The program that tries what the library is to find out, one trial per run; for this crate's tests.
#[doc(hidden)]
pub fn checks() -> Option<&'static Path> {
    option_env!("PRELU_MEM_CUDA_SHIM_CHECKS").map(Path::new)
}

/// A command that finds the library as the CUDA driver, and whose tests may not be skipped for want
/// of one. None where [`directory`] is.
pub fn command(program: impl AsRef<OsStr>) -> Option<Command> {
    let mut command = Command::new(program);
    let variable = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    command.env(variable, directory()?).env("PRELU_MEM_REQUIRE_CUDA", "1");
    Some(command)
}

/// Runs the tests of the running test program again, on the library, all but those whose name
/// contains `skip`; with these environment variables. None where [`directory`] is.
///
/// # Errors
/// The program could not be started.
pub fn rerun(skip: &str, settings: &[(&str, &str)]) -> std::io::Result<Option<ExitStatus>> {
    let Some(mut command) = command(std::env::current_exe()?) else {
        return Ok(None);
    };
    command.args(["--skip", skip]).envs(settings.iter().copied()).status().map(Some)
}
