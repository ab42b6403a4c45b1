//! Runs the program with the CPU shim in the place of the CUDA driver.

use std::error::Error;
use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

pub(crate) const STRATEGIES: [&str; 6] =
    ["full-copy", "int8-mask", "bitmask", "diff-stash", "output-sign", "adaptive"];

pub(crate) const SHIM: &str = "CPU shim, not a GPU";

pub(crate) struct Done {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, which will find the shim as its CUDA driver.
pub(crate) fn program() -> Outcome<Command> {
    let program = cargo_bin!("prelu-mem");
    Ok(prelu_mem_cuda_shim::command(program).ok_or("no shim on this system")?)
}

/// Runs the program with the shim as its CUDA driver.
pub(crate) fn run(settings: &[(&str, &str)], arguments: &[&str]) -> Outcome<Done> {
    let output = program()?.envs(settings.iter().copied()).args(arguments).output()?;
    Ok(Done {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// The JSON that a successful run prints.
pub(crate) fn json(settings: &[(&str, &str)], arguments: &[&str]) -> Outcome<Value> {
    let arguments = [arguments, &["--format", "json"]].concat();
    let done = run(settings, &arguments)?;
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    Ok(serde_json::from_str(&done.stdout)?)
}

/// A run that ends with this status, prints nothing but an error, and says all of `says`.
pub(crate) fn refused(
    settings: &[(&str, &str)],
    arguments: &[&str],
    status: i32,
    says: &[&str],
) -> Outcome<String> {
    let done = run(settings, arguments)?;
    assert_eq!(done.status, Some(status), "{arguments:?}: {}", done.stderr);
    assert_eq!(done.stdout, "", "{arguments:?}");
    for part in says {
        assert!(done.stderr.contains(part), "{part} in {}", done.stderr);
    }
    Ok(done.stderr)
}

pub(crate) fn rows(report: &Value) -> Outcome<&Vec<Value>> {
    Ok(report["rows"].as_array().ok_or("rows")?)
}
