//! Runs the program.

use std::process::Output;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

pub(crate) fn train(arguments: &[&str]) -> Output {
    // Batches of 250 images: an epoch of five steps.
    let mut command = cargo_bin_cmd!("prelu-mem");
    command.args(["train", "--batch", "250"]).args(arguments).output().expect("the program starts")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The JSON report of a run that succeeds.
pub(crate) fn report(arguments: &[&str]) -> Value {
    let output = train(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The numbers of an epoch that do not depend on time.
pub(crate) fn epoch(report: &Value, index: usize) -> [f64; 3] {
    let epoch = &report["epochs"][index];
    ["first_loss", "mean_loss", "test_accuracy"].map(|key| epoch[key].as_f64().expect("a number"))
}
