//! `check`, stopped before the end.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::program::{Outcome, SHIM, program};

/// All of it takes a while on the shim, and the contract suite runs the same cases: the first ones do here.
#[test]
fn check_holds_on_the_device() -> Outcome {
    let folder = TempDir::new()?;
    let file = folder.path().join("check.json");
    let mut child = program()?
        .args(["check", "--device", "cuda", "--format", "json", "--output"])
        .arg(&file)
        .stderr(Stdio::piped())
        .spawn()?;
    // It listens for Ctrl-C once the device is open: the bit of signal 2 in the mask of those caught.
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let caught =
            status.lines().find_map(|line| line.strip_prefix("SigCgt:")).ok_or("a mask")?;
        if u64::from_str_radix(caught.trim(), 16)? & 2 != 0 {
            break;
        }
        assert!(child.try_wait()?.is_none(), "it ended before it listened");
        sleep(Duration::from_millis(5));
    }
    sleep(Duration::from_secs(2));
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status()?.success());
    let output = child.wait_with_output()?;
    let stderr = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let report: Value = serde_json::from_slice(&fs::read(&file)?)?;
    assert_eq!((&report["failed"], &report["complete"]), (&0.into(), &false.into()));
    assert!(report["cases"].as_u64().is_some_and(|cases| cases > 0), "{report}");
    assert_eq!((&report["device"], &report["device_name"]), (&"cuda:0".into(), &SHIM.into()));
    assert_eq!((&report["threads"], &report["simd"]), (&Value::Null, &Value::Null));
    Ok(())
}
