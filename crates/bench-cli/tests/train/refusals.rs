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
        (&["--slope-init", "0.3", "--resume", "a"], &["--slope-init", "--resume"]),
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
fn two_options_do_not_write_one_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (there, file, same) = (path("there"), path("file"), path("there/../file"));
    fs::create_dir(&there).expect("made");
    let picture = path("there/curves.svg");
    for (one, two, options) in [
        (&file, &same, ["--save", "--output"]),
        (&file, &same, ["--save", "--curves"]),
        (&file, &same, ["--output", "--curves"]),
        (&picture, &there, ["--save", "--curves"]),
        (&picture, &there, ["--output", "--curves"]),
    ] {
        refused(&[options[0], one, options[1], two], 2, &options);
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is written");
}

#[test]
fn the_curves_of_the_first_part_are_not_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let curves = folder.path().display().to_string();
    let steps = folder.path().join("steps.csv");
    fs::write(&steps, "first part").expect("written");
    let parts = ["--curves", "steps.csv", "another folder"];
    refused(&["--resume", "a", "--curves", &curves], 2, &parts);
    assert_eq!(fs::read(&steps).expect("there"), b"first part");
}

#[cfg(target_os = "linux")]
#[test]
fn only_regular_files_of_some_size_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (pipe, large) = (path("pipe"), path("large"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let file = fs::File::create(&large).expect("made");
    file.set_len((64 << 20) + 1).expect("a hole");
    for option in ["--resume", "--fine-tune"] {
        for path in [&pipe, "/dev/zero", "/"] {
            refused(&[option, path], 1, &[option, path, "not a regular file"]);
        }
        refused(&[option, &large], 1, &[option, &large, "more than 64 MiB"]);
    }
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
