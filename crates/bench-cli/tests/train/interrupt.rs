//! Ctrl-C: the finished epochs are printed and saved, and the exit status says that it is not all.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

#[test]
fn finished_epochs_are_printed_and_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let saved = folder.path().join("run.safetensors");
    let curves = folder.path().join("curves");
    let mut child = Command::new(cargo_bin!("prelu-mem"))
        .args(["train", "--epochs", "10000", "--format", "json", "--save"])
        .arg(&saved)
        .arg("--curves")
        .arg(&curves)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // The file is there after the first epoch: the signal comes in a later one.
    while !saved.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it saved");
        sleep(Duration::from_millis(10));
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    let output = child.wait_with_output().expect("the program ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("stopped by Ctrl-C"), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let epochs = report["epochs"].as_array().expect("epochs").len();
    assert!((1..10_000).contains(&epochs));
    let file = fs::read(&saved).expect("saved");
    let header = String::from_utf8_lossy(&file[8..2000]);
    assert!(header.contains(&format!("epochs done = {epochs}")), "{header}");
    assert!(curves.join("curves.svg").is_file());
}
