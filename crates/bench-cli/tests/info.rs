//! `info`, `completions`, `--help`, `--version`, and where results go.

use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use assert_cmd::cargo::{cargo_bin, cargo_bin_cmd};
use serde_json::Value;

fn stdout(arguments: &[&str]) -> String {
    let output = prelu_mem().args(arguments).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    assert!(stderr.is_empty(), "{arguments:?} warned: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn prelu_mem() -> Command {
    cargo_bin_cmd!("prelu-mem")
}

#[test]
fn info_describes_the_machine_in_every_format() {
    let value: Value = serde_json::from_str(&stdout(&["info", "--format", "json"])).expect("JSON");
    let machine = &value["machine"];
    assert!(machine["cpu"].as_str().is_some_and(|cpu| !cpu.is_empty()), "{value}");
    assert!(machine["cores"].as_u64().is_some_and(|cores| cores > 0), "{value}");
    assert!(machine["memory_bytes"].as_u64() >= value["free_bytes"].as_u64(), "{value}");
    assert!(
        ["portable", "avx2", "avx512"].contains(&machine["simd"].as_str().unwrap_or("")),
        "{value}"
    );
    assert!(machine.get("gpu").is_some() && machine.get("os").is_some(), "{value}");
    let cuda = &value["cuda"];
    assert!(cuda["devices"].is_array() || cuda["missing"].is_string(), "{value}");

    for format in ["table", "csv", "markdown"] {
        let text = stdout(&["info", "--format", format]);
        for part in ["processor", "SIMD level", "free memory", "CUDA"] {
            assert!(text.contains(part), "{format}: {text}");
        }
        assert!(!text.contains('\u{1b}'), "no colours: {text}");
    }
    assert_eq!(stdout(&["--format", "csv", "info"]).lines().next(), Some("what,value"));
}

#[test]
fn info_names_the_simd_level_that_is_forced() {
    let output = prelu_mem()
        .env("PRELU_MEM_SIMD", "portable")
        .args(["info", "--format", "json"])
        .output()
        .expect("the program starts");
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["machine"]["simd"], "portable");
}

#[test]
fn output_replaces_a_file_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("info.json");
    std::fs::write(&path, "x".repeat(1 << 16)).expect("a writable folder");
    let name = path.to_str().expect("UTF-8");
    assert_eq!(stdout(&["info", "--format", "json", "--output", name]), "");
    let text = std::fs::read_to_string(&path).expect("the file is there");
    let value: Value = serde_json::from_str(&text).expect("JSON and nothing else");
    assert_eq!(value["schema"], 1);
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 1, "no draft stays");
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [&[][..], &["bench"], &["apply"], &["info"], &["completions"]] {
        let text = stdout(&[command, &["--help"]].concat());
        assert!(text.contains("Examples:") && text.contains("prelu-mem "), "{command:?}: {text}");
    }
    assert!(stdout(&["--version"]).starts_with("prelu-mem "));
    let bench = stdout(&["bench", "--help"]);
    for part in ["iresnet50", "conv-tasnet", "bitmask", "--slopes", "130", "[[layer]]"] {
        assert!(bench.contains(part), "{part} in {bench}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completions", shell]);
        for part in ["prelu-mem", "bench", "apply", "strategy"] {
            assert!(script.contains(part), "{shell}: {part}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    for arguments in [&["completions", "zsh"][..], &["info"], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = Process::new(cargo_bin!("prelu-mem"))
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .expect("the program runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{:?}: {stderr}", output.status);
    }
}
