//! What a run prints, and the experiments that can be read off it.

use super::command::{epoch, report, stderr, train};

#[test]
fn the_report_says_how_the_run_went_and_what_it_took() {
    let run = report(&["--strategy", "adaptive", "--gradients", "transient", "--epochs", "2"]);
    assert_eq!(
        (run["schema"].as_u64(), run["settings"]["strategy"].as_str()),
        (Some(1), Some("adaptive"))
    );
    assert_eq!(run["settings"]["gradients"], "transient");
    let (before, after) = (epoch(&run, 0), epoch(&run, 1));
    assert!(after[1] < before[1], "the loss falls: {before:?} {after:?}");
    assert!(after[2] > 0.2, "better than guessing: {after:?}");
    for epoch in run["epochs"].as_array().expect("epochs") {
        assert_eq!(epoch["planned_step_bytes"], epoch["counted_step_bytes"], "{epoch}");
        assert!(epoch["counted_step_bytes"].as_u64() > Some(1_000_000), "{epoch}");
    }
    let memory = &run["memory"];
    assert_eq!(memory["equal"], true);
    let parts = memory["peak_parts"].as_object().expect("parts").values();
    let sum: u64 = parts.map(|part| part.as_u64().expect("bytes")).sum();
    assert_eq!(Some(sum), memory["planned_step_bytes"].as_u64());
    assert!(memory["run_peak_bytes"].as_u64() >= Some(sum));

    let slopes = run["slopes"].as_array().expect("layers");
    let count = |layer: &serde_json::Value| layer["slopes"].as_array().map(Vec::len);
    let counts: Vec<_> = slopes.iter().map(count).collect();
    assert_eq!(counts, [Some(16), Some(32), Some(64), Some(64)]);
    for layer in slopes {
        let values = layer["slopes"].as_array().expect("slopes").iter();
        let values: Vec<f64> = values.map(|slope| slope.as_f64().expect("a number")).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!(
            layer["min"].as_f64() < Some(mean) && Some(mean) < layer["max"].as_f64(),
            "{layer}"
        );
        assert_eq!(layer["mean"].as_f64(), Some(mean));
        let negative = values.iter().filter(|&&slope| slope < 0.0).count();
        assert_eq!(layer["negative"].as_u64(), Some(negative as u64));
    }
}

/// The thread's first experiment, over the command line; and the strategy does not change a bit.
#[test]
fn a_frozen_prelu_gives_leaky_relus_losses() {
    let leaky = report(&["--activation", "leaky-relu", "--leaky-slope", "0.1", "--epochs", "1"]);
    assert!(leaky["slopes"].as_array().is_some_and(Vec::is_empty));
    let frozen = ["--slope-init", "0.1", "--slope-lr-mult", "0", "--epochs", "1"];
    for more in [&["--strategy", "bitmask"][..], &["--activation", "prelu-out-of-place"]] {
        let run = report(&[&frozen, more].concat());
        assert_eq!(epoch(&run, 0), epoch(&leaky, 0), "{more:?}");
    }
}

#[test]
fn in_place_and_out_of_place_give_the_same_losses() {
    let one = ["--epochs", "1", "--slope-init", "0.3"];
    let apart = report(&[&one[..], &["--activation", "prelu-out-of-place"]].concat());
    for more in [
        &["--strategy", "full-copy"][..],
        &["--hand-over", "copy", "--threads", "1"],
        &["--hand-over", "direct", "--threads", "2", "--gradients", "transient"],
    ] {
        let run = report(&[&one[..], more].concat());
        assert_eq!(epoch(&run, 0), epoch(&apart, 0), "{more:?}");
        assert_eq!(run["slopes"], apart["slopes"], "{more:?}");
    }
    let composed = report(&[&one[..], &["--activation", "composition"]].concat());
    assert_eq!(epoch(&composed, 0)[0], epoch(&apart, 0)[0]);
    let slopes = |run: &serde_json::Value| run["slopes"][0]["mean"].as_f64().expect("a number");
    assert!((slopes(&composed) - slopes(&apart)).abs() < 1e-4);
    let bytes = |run: &serde_json::Value| run["memory"]["counted_step_bytes"].as_u64();
    assert!(bytes(&composed) > bytes(&apart));
}

#[test]
fn every_format_has_a_row_per_epoch() {
    let text = |format: &str| {
        let output =
            train(&["--epochs", "1", "--shared-slope", "--dtype", "f64", "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(output.stderr.is_empty(), "no progress where standard error is no terminal");
        String::from_utf8(output.stdout).expect("text")
    };
    let csv = text("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("epoch,first_loss,mean_loss,test_accuracy,"), "{csv}");
    assert_eq!((lines.len(), &lines[1][..2]), (2, "1,"), "{csv}");
    let table = text("table");
    for part in ["test accuracy %", "Slopes", "act4", "shared buffer", "exactly the bytes"] {
        assert!(table.contains(part), "no '{part}' in {table}");
    }
}

#[test]
fn a_run_that_diverges_fails_and_is_not_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("run.safetensors");
    let save = path.display().to_string();
    let output = train(&["--learning-rate", "1e20", "--epochs", "3", "--save", &save]);
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in ["infinite or NaN in epoch 1", "--learning-rate"] {
        assert!(stderr.contains(part), "{stderr}");
    }
    assert!(!path.exists());
}
