//! The files a run writes and goes on from.

use std::fs;
use std::path::Path;

use super::command::{epoch, report, stderr, train};

fn in_folder(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (whole, parts) = (in_folder(folder.path(), "whole"), in_folder(folder.path(), "parts"));
    let run = ["--strategy", "bitmask", "--epochs", "2"];
    let expected = report(&[&run[..], &["--save", &whole]].concat());
    report(&[&run[..], &["--stop-after", "1", "--save", &parts]].concat());
    assert_ne!(fs::read(&whole).expect("saved"), fs::read(&parts).expect("saved"));
    let resumed = report(&[&run[..], &["--resume", &parts, "--save", &parts]].concat());
    assert_eq!(resumed["epochs"].as_array().map(Vec::len), Some(1));
    assert_eq!(resumed["epochs"][0]["epoch"], 2);
    let settings = &resumed["settings"];
    assert_eq!(
        (&settings["resume"], settings["slope_init"].is_null()),
        (&parts.clone().into(), true)
    );
    assert_eq!(epoch(&resumed, 0), epoch(&expected, 1));
    assert_eq!(resumed["slopes"], expected["slopes"]);
    assert!(fs::read(&whole).expect("saved") == fs::read(&parts).expect("saved"), "bit for bit");

    // Nothing is left to do, other settings, and a part of the file: refused, and the file stays.
    let bytes = fs::read(&parts).expect("saved");
    let refused = |arguments: &[&str], expected: &str| {
        let output = train(&[arguments, &["--save", &parts]].concat());
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("--resume") && stderr.contains(expected), "{stderr}");
        assert!(output.stdout.is_empty());
        assert!(fs::read(&parts).expect("there") == bytes, "{arguments:?}: overwritten");
    };
    refused(&[&run[..], &["--resume", &parts]].concat(), "2 epochs of the run are done");
    for (option, other, expected) in [
        ("--seed", "7", "--seed 1, not 7"),
        ("--epochs", "3", "--epochs 2, not 3"),
        ("--slope-lr-mult", "2", "--slope-lr-mult 1, not 2"),
        ("--slope-decay-mult", "2", "--slope-decay-mult 0, not 2"),
        ("--learning-rate", "0.01", "--learning-rate 0.02, not 0.01"),
        ("--momentum", "0", "--momentum 0.9, not 0"),
        ("--weight-decay", "0", "--weight-decay 0.002, not 0"),
        ("--dtype", "f64", "--dtype f32, not f64"),
        ("--activation", "relu", "--activation prelu, not relu"),
    ] {
        let epochs: &[&str] = if option == "--epochs" { &[] } else { &["--epochs", "2"] };
        refused(&[epochs, &[option, other, "--resume", &parts]].concat(), expected);
    }
    refused(&["--epochs", "2", "--shared-slope", "--resume", &parts], "--shared-slope false");
    for length in [0, 20, bytes.len() / 2, bytes.len() - 1] {
        let truncated = in_folder(folder.path(), "truncated");
        fs::write(&truncated, &bytes[..length]).expect("written");
        refused(&[&run[..], &["--resume", &truncated]].concat(), "not a safetensors file");
    }
}

/// A net trained with ReLU goes on where it was from slope 0, and with a higher loss from 0.25.
#[test]
fn fine_tuning_starts_from_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let saved = in_folder(folder.path(), "relu");
    report(&["--activation", "relu", "--epochs", "2", "--save", &saved]);
    let tune = |more: &[&str]| report(&[&["--epochs", "1", "--fine-tune", &saved], more].concat());
    let relu = epoch(&tune(&["--activation", "relu"]), 0)[0];
    let from_zero = tune(&["--slope-init", "0", "--strategy", "adaptive"]);
    assert_eq!(epoch(&from_zero, 0)[0], relu);
    assert!(from_zero["slopes"][0]["max"].as_f64() > Some(0.0), "slopes are learned from 0 on");
    let from_quarter = epoch(&tune(&[]), 0)[0];
    assert!(from_quarter > relu, "{from_quarter} {relu}");
}

#[test]
fn curves_hold_every_step_and_a_picture() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let curves = in_folder(folder.path(), "curves");
    let run = report(&["--epochs", "2", "--curves", &curves]);
    let read = |name: &str| fs::read_to_string(Path::new(&curves).join(name)).expect(name);
    assert_eq!(fs::read_dir(&curves).expect("a folder").count(), 3);

    let rows = |text: &str| -> Vec<Vec<f64>> {
        let number = |cell: &str| cell.parse().expect("a number");
        text.lines().skip(1).map(|line| line.split(',').map(number).collect()).collect()
    };
    let (steps, epochs) = (read("steps.csv"), read("epochs.csv"));
    assert!(steps.starts_with("epoch,step,loss\n"), "{steps}");
    assert!(epochs.starts_with("epoch,mean_loss,test_accuracy\n"), "{epochs}");
    let (steps, epochs) = (rows(&steps), rows(&epochs));
    assert_eq!(steps.len(), 10);
    for (index, row) in steps.iter().enumerate() {
        assert_eq!(row[..2], [(index / 5 + 1) as f64, (index + 1) as f64]);
    }
    for (index, row) in epochs.iter().enumerate() {
        let [first, mean, accuracy] = epoch(&run, index);
        assert_eq!(row[..], [(index + 1) as f64, mean, accuracy]);
        assert_eq!(steps[5 * index][2], first);
    }

    let picture = read("curves.svg");
    for part in [
        "Digits: prelu, diff-stash",
        "Training loss",
        "nats",
        "Test accuracy",
        "%",
        "epochs",
        "</svg>",
    ] {
        assert!(picture.contains(part), "no '{part}' in the picture");
    }
    assert!(!picture.contains("NaN") && picture.matches("<polyline").count() >= 3);

    // Into a folder that is there, beside another file; a resumed run of one epoch has a picture too.
    fs::write(Path::new(&curves).join("mine.txt"), "mine").expect("written");
    report(&["--epochs", "1", "--curves", &curves]);
    assert_eq!(rows(&read("steps.csv")).len(), 5);
    assert_eq!(read("mine.txt"), "mine");
}
