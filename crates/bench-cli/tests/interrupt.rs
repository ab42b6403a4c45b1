//! Ctrl-C: what was finished is printed, and the exit status says that it is not all.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

/// The bit of signal 2, SIGINT, in the masks of /proc.
const SIGINT: u64 = 1 << 1;

/// Whether the process has a handler of its own for Ctrl-C.
fn listens(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
    u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & SIGINT != 0
}

fn interrupt(process: u32) {
    let kill = format!("kill -INT {process}");
    let status = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
    assert!(status.success());
}

#[test]
fn finished_rows_are_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bench.json");
    // Ten thousand samples: it is still at work when the signal comes, however fast the machine.
    let mut child = Command::new(cargo_bin!("prelu-mem"))
        .args([
            "bench",
            "--shape",
            "64,64,64,4",
            "--samples",
            "10000",
            "--format",
            "json",
            "--output",
        ])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    while !listens(child.id()) {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it listened");
        sleep(Duration::from_millis(5));
    }
    sleep(Duration::from_millis(500));
    interrupt(child.id());
    let output = child.wait_with_output().expect("the program ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("stopped by Ctrl-C"), "{stderr}");
    // On a slow machine the signal may come before the first sample: then there is nothing to print.
    if stderr.contains("before the first sample") {
        assert!(!path.exists());
        return;
    }
    let value: Value = serde_json::from_slice(&fs::read(&path).expect("the file")).expect("JSON");
    for row in value["rows"].as_array().expect("rows") {
        let samples = row["forward_seconds"]["samples"].as_u64().expect("a number");
        assert!((1..10_000).contains(&samples), "{row}");
    }
}
