//! A run that ends early: the finished epochs are printed, and the exit status says that it is not all.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// A long run, in a later epoch than its first one: that one is saved.
fn long_run(saved: &Path, curves: &Path) -> Child {
    let mut child = Command::new(cargo_bin!("prelu-mem"))
        .args(["train", "--epochs", "10000", "--format", "json", "--save"])
        .arg(saved)
        .arg("--curves")
        .arg(curves)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    while !saved.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it saved");
        sleep(Duration::from_millis(10));
    }
    child
}

fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
}

/// How many epochs the run printed before it ended as expected.
fn epochs_of(child: Child, status: i32, reason: &str) -> usize {
    let output = child.wait_with_output().expect("the program ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert!(stderr.contains(reason), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let epochs = report["epochs"].as_array().expect("epochs").len();
    assert!((1..10_000).contains(&epochs));
    epochs
}

#[test]
fn epochs_finished_before_ctrl_c_are_printed_and_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let saved = folder.path().join("run.safetensors");
    let curves = folder.path().join("curves");
    let child = long_run(&saved, &curves);
    interrupt(&child);
    let epochs = epochs_of(child, 130, "stopped by Ctrl-C");
    let file = fs::read(&saved).expect("saved");
    let header = String::from_utf8_lossy(&file[8..2000]);
    assert!(header.contains(&format!("epochs done = {epochs}")), "{header}");
    assert!(curves.join("curves.svg").is_file());
}

#[test]
fn epochs_finished_before_saving_failed_are_printed_and_drawn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().join("runs");
    fs::create_dir(&place).expect("made");
    let curves = folder.path().join("curves");
    let child = long_run(&place.join("run"), &curves);
    fs::rename(&place, folder.path().join("moved")).expect("moved");
    epochs_of(child, 1, "runs");
    assert!(curves.join("curves.svg").is_file());
}

#[test]
fn epochs_are_printed_where_drawing_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let saved = folder.path().join("run");
    let curves = folder.path().join("curves");
    let child = long_run(&saved, &curves);
    fs::write(&curves, "in the way").expect("written");
    interrupt(&child);
    epochs_of(child, 1, "cannot make the folder");
}
