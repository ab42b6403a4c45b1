//! What cannot be used is refused before the first epoch, with the value and what is accepted.

use std::fs;

use super::command::{stderr, train};

fn refused(arguments: &[&str], status: i32, parts: &[&str]) {
    let output = train(arguments);
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?} wrote results");
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: no '{part}' in: {stderr}");
    }
}

#[test]
fn every_option_names_its_bad_value() {
    for (option, value, parts) in [
        (
            "--activation",
            "gelu",
            &["'gelu'", "prelu", "relu", "leaky-relu", "prelu-out-of-place", "composition"][..],
        ),
        ("--strategy", "bitmsk", &["'bitmsk'", "full-copy", "diff-stash", "adaptive"]),
        ("--hand-over", "throw", &["'throw'", "copy", "direct"]),
        ("--slope-init", "steep", &["steep", "gaussian:MEAN,STD"]),
        ("--slope-init", "nan", &["'nan'", "finite"]),
        ("--slope-init", "uniform:2,1", &["uniform:2,1", "low <= high"]),
        ("--slope-init", "0.1,0.2", &["0.1,0.2", "expected a number"]),
        ("--slope-lr-mult", "-1", &["'-1'", "0 or more"]),
        ("--slope-lr-mult", "inf", &["'inf'", "0 or more"]),
        ("--slope-decay-mult", "x", &["'x'", "0 or more"]),
        ("--leaky-slope", "NaN", &["'NaN'", "finite"]),
        ("--gradients", "eternal", &["'eternal'", "resident", "transient"]),
        ("--epochs", "0", &["'0'", "1 to 10000"]),
        ("--epochs", "-1", &["'-1'", "1 to 10000"]),
        ("--stop-after", "0", &["'0'", "1 to 10000"]),
        ("--stop-after", "13", &["--stop-after 13", "12 epochs", "1 to 12"]),
        ("--learning-rate", "-0.1", &["'-0.1'", "0 or more"]),
        ("--momentum", "1", &["'1'", "less than 1"]),
        ("--momentum", "-0.5", &["'-0.5'", "less than 1"]),
        ("--weight-decay", "1e999", &["'1e999'", "0 or more"]),
        ("--dtype", "f16", &["'f16'", "f32", "f64"]),
        ("--seed", "x", &["'x'"]),
        ("--threads", "0", &["'0'", "1 to 1024"]),
        ("--format", "xml", &["'xml'", "table", "json", "csv", "markdown"]),
        ("--save", "no/such/run", &["--save no/such/run", "no folder no/such"]),
        ("--save", ".", &["--save .", "names a folder"]),
        ("--curves", "no/such/dir", &["--curves no/such/dir", "no folder no/such"]),
        ("--curves", "", &["--curves", "a value is required"]),
    ] {
        refused(&[option, value], 2, parts);
    }
    for (value, parts) in [("0", "1 or more"), ("1499", "1 to 1498"), ("-2", "1 or more")] {
        let output = assert_cmd::cargo::cargo_bin_cmd!("prelu-mem")
            .args(["train", "--batch", value])
            .output()
            .expect("the program starts");
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(value) && stderr.contains(parts), "{stderr}");
    }
}

#[test]
fn an_option_without_effect_is_refused() {
    for (arguments, parts) in [
        (&["--activation", "relu", "--strategy", "bitmask"][..], &["--strategy", "relu"][..]),
        (&["--activation", "leaky-relu", "--hand-over", "copy"], &["--hand-over", "leaky-relu"]),
        (&["--activation", "relu", "--slope-init", "0"], &["--slope-init", "composition"]),
        (&["--activation", "relu", "--slope-lr-mult", "0"], &["--slope-lr-mult", "relu"]),
        (&["--activation", "relu", "--slope-decay-mult", "0"], &["--slope-decay-mult", "relu"]),
        (&["--activation", "composition", "--shared-slope"], &["--shared-slope", "composition"]),
        (&["--leaky-slope", "0.1"], &["--leaky-slope", "prelu", "leaky-relu"]),
        (&["--strategy", "bitmask", "--hand-over", "copy"], &["--hand-over", "bitmask"]),
        (&["--resume", "a", "--fine-tune", "b"], &["--resume", "--fine-tune"]),
    ] {
        refused(arguments, 2, parts);
    }
}

#[test]
fn a_file_in_the_place_of_the_curves_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("curves");
    fs::write(&path, "mine").expect("written");
    refused(&["--curves", &path.display().to_string()], 2, &["--curves", "not a folder"]);
    assert_eq!(fs::read(&path).expect("there"), b"mine");
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_for_the_curves_that_takes_no_folder_is_refused() {
    refused(&["--curves", "/proc/curves"], 2, &["--curves /proc/curves"]);
}

#[test]
fn missing_and_foreign_files_are_refused_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (foreign, kept) = (path("foreign"), path("kept"));
    fs::write(&foreign, b"PK\x03\x04 something else").expect("written");
    fs::write(&kept, b"mine").expect("written");
    for option in ["--resume", "--fine-tune"] {
        let missing = path("missing");
        refused(&[option, &missing, "--save", &kept], 1, &[option, &missing, "No such file"]);
        refused(&[option, &foreign, "--save", &kept], 1, &[option, &foreign, "not a safetensors"]);
    }
    assert_eq!(fs::read(&kept).expect("there"), b"mine");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "no draft stays behind");
}
