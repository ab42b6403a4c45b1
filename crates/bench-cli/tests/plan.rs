//! `prelu-mem plan` as a whole process: its figures against the design's, against `bench`'s counted bytes, and what it
//! refuses.

use std::fs;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

const ALL: [&str; 6] =
    ["full-copy", "int8-mask", "bitmask", "diff-stash", "output-sign", "adaptive"];
const PARTS: [&str; 8] = [
    "activations",
    "outputs_for_masks",
    "saved_words",
    "kept_channels",
    "gradients",
    "shared_buffer",
    "workspace",
    "parameters",
];
const MIB: u64 = 1 << 20;

fn prelu_mem() -> Command {
    cargo_bin_cmd!("prelu-mem")
}

fn stdout(arguments: &[&str]) -> String {
    let output = prelu_mem().args(arguments).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(command: &str, arguments: &[&str]) -> Value {
    let arguments = [&[command, "--format", "json"], arguments].concat();
    serde_json::from_str(&stdout(&arguments)).expect("one JSON object")
}

fn rows(value: &Value) -> &Vec<Value> {
    value["rows"].as_array().expect("rows")
}

fn row<'a>(value: &'a Value, strategy: &str, gradients: &str) -> &'a Value {
    let found = |row: &&Value| row["strategy"] == strategy && row["gradients"] == gradients;
    rows(value).iter().find(found).expect(strategy)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn the_object_has_the_documented_keys() {
    let keys =
        |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let value = json("plan", &["--network", "mtcnn-onet", "--budget", "1GiB"]);
    assert_eq!(keys(&value), ["schema", "settings", "rows"]);
    assert_eq!(value["schema"], 1);
    let settings = &value["settings"];
    for (key, expected) in [
        ("network", Value::from("mtcnn-onet")),
        ("batch", 256.into()),
        ("dtype", "f32".into()),
        ("slopes", "0.25".into()),
        ("seed", 0.into()),
        ("budget_bytes", (1024 * MIB).into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
    ] {
        assert_eq!(settings[key], expected, "{key}");
    }
    for row in rows(&value) {
        let expected =
            ["strategy", "gradients", "peak_bytes", "peak_step", "parts", "largest_batch"];
        assert_eq!(keys(row), expected);
        assert_eq!(keys(&row["parts"]), PARTS);
        let sum: u64 = PARTS.iter().map(|part| number(&row["parts"][part])).sum();
        assert_eq!(sum, number(&row["peak_bytes"]), "{row}");
    }
    let named = |mode: &str| {
        let of = rows(&value).iter().filter(|row| row["gradients"] == mode);
        of.map(|row| row["strategy"].as_str().expect("a name")).collect::<Vec<_>>()
    };
    assert_eq!((named("resident"), named("transient")), (ALL.to_vec(), ALL.to_vec()));
    for mode in ["resident", "transient"] {
        let one = json("plan", &["--network", "mtcnn-onet", "--gradients", mode]);
        assert_eq!(rows(&one).len(), ALL.len());
        assert!(rows(&one).iter().all(|row| row["gradients"] == mode));
        assert_eq!(one["rows"][0]["largest_batch"], Value::Null, "no budget");
    }
}

#[test]
fn iresnet50_at_128_is_what_the_published_tables_say() {
    let value = json("plan", &["--network", "iresnet50", "--batch", "128"]);
    let part = |strategy, mode, part: &str| number(&row(&value, strategy, mode)["parts"][part]);
    let tenths = |bytes: u64| (bytes as f64 / MIB as f64 * 10.0).round() / 10.0;
    for mode in ["resident", "transient"] {
        assert_eq!(part("diff-stash", mode, "shared_buffer"), 392 * MIB);
        assert_eq!(part("diff-stash", mode, "saved_words"), 0);
        assert_eq!(tenths(part("diff-stash", mode, "activations")), 1813.0);
    }
    for (strategy, saved) in [("full-copy", 1813.0), ("int8-mask", 453.2), ("bitmask", 56.7)] {
        assert!((tenths(part(strategy, "resident", "saved_words")) - saved).abs() < 0.11);
    }
    // Every gradient is there: lent for nothing in one mode, made for the stash alone in the other.
    assert_eq!(tenths(part("diff-stash", "transient", "gradients")), 1813.0);
    assert!(tenths(part("full-copy", "transient", "gradients")) < 392.0 + 98.0);
    let peak = |strategy, mode| number(&row(&value, strategy, mode)["peak_bytes"]);
    assert!(peak("diff-stash", "resident") < peak("full-copy", "resident"));
    assert!(peak("diff-stash", "transient") > peak("full-copy", "transient"));
}

/// What both commands know has to be the same number: planned here, counted there.
#[test]
fn the_plan_is_what_bench_counts() {
    for (network, slopes) in
        [("mtcnn-onet", "0.25"), ("mtcnn-onet", "uniform:-0.5,0.5"), ("srresnet", "-0.3")]
    {
        for dtype in ["f32", "f16", "bf16", "f64"] {
            let options =
                ["--network", network, "--batch", "2", "--slopes", slopes, "--dtype", dtype];
            let planned = json("plan", &options);
            for mode in ["resident", "transient"] {
                let measured = [&options[..], &["--samples", "1", "--gradients", mode]].concat();
                for bench in rows(&json("bench", &measured)) {
                    let strategy = bench["strategy"].as_str().expect("a name");
                    let plan = row(&planned, strategy, mode);
                    let part = |part: &str| number(&plan["parts"][part]);
                    let case = format!("{strategy} {mode} {options:?}");
                    assert_eq!(part("shared_buffer"), number(&bench["shared_buffer_bytes"]));
                    let own = part("saved_words") + part("kept_channels");
                    let counted = number(&bench["allocated_bytes"]);
                    match (strategy, mode) {
                        // The stash is among the gradients.
                        ("diff-stash", "transient") => {
                            assert_eq!(own, 0, "{case}");
                            assert!(part("gradients") >= counted, "{case}");
                        }
                        // The peak of a transient step may be past the last layers' backward.
                        (_, "transient") => assert!(own <= counted, "{case}"),
                        _ => assert_eq!(own, counted, "{case}"),
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_batch_fits_and_the_next_one_does_not() {
    let network = ["--network", "mtcnn-onet", "--slopes", "uniform:-0.5,0.5"];
    let value = json("plan", &[&network[..], &["--budget", "100MB"]].concat());
    for row in rows(&value) {
        let batch = number(&row["largest_batch"]);
        let peak = |batch: u64| {
            let batch = batch.to_string();
            let at = json("plan", &[&network[..], &["--batch", &batch]].concat());
            let same = |other: &&Value| {
                other["strategy"] == row["strategy"] && other["gradients"] == row["gradients"]
            };
            number(&rows(&at).iter().find(same).expect("the row")["peak_bytes"])
        };
        assert!(peak(batch) <= 100_000_000, "{row}");
        assert!(peak(batch + 1) > 100_000_000, "{row}");
    }
}

#[test]
fn a_budget_too_small_for_one_image_says_so() {
    let options = ["--network", "iresnet50", "--batch", "1", "--budget", "1MiB"];
    let value = json("plan", &options);
    assert!(rows(&value).iter().all(|row| row["largest_batch"] == 0));
    let text = stdout(&[&["plan"], &options[..]].concat());
    let needed = number(&row(&value, "bitmask", "transient")["peak_bytes"]);
    let says = format!(
        "bitmask, transient gradients: 1048576 bytes are too few for a batch of 1, which needs {needed}."
    );
    assert!(text.contains(&says) && text.contains("none"), "{text}");
}

#[test]
fn every_format_and_a_network_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("small.toml");
    fs::write(
        &path,
        "batch = 3\n[[layer]]\nrepeat = 2\nshape = [4, 8, 8]\n[[layer]]\nshape = [32]\n",
    )
    .expect("a writable folder");
    let path = path.to_str().expect("UTF-8");
    for format in ["table", "markdown"] {
        let text = stdout(&["plan", "--network", path, "--format", format, "--budget", "1MiB"]);
        for part in ALL.iter().chain(&[
            "small, batch 3",
            "peak MiB",
            "largest batch",
            "outputs for masks",
            "Not counted: weights",
            "as much as a full copy",
        ]) {
            assert!(text.contains(part), "{format}: no '{part}' in\n{text}");
        }
    }
    let file = folder.path().join("plan.csv").display().to_string();
    assert_eq!(stdout(&["plan", "--network", path, "--format", "csv", "--output", &file]), "");
    let mut reader = csv::Reader::from_path(&file).expect("the file");
    let header = reader.headers().expect("a header").clone();
    let column = |name: &str| header.iter().position(|column| column == name).expect(name);
    let records: Vec<_> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(records.len(), 2 * ALL.len());
    let value = json("plan", &["--network", path]);
    for (record, row) in records.iter().zip(rows(&value)) {
        assert_eq!(&record[column("strategy")], row["strategy"].as_str().expect("a name"));
        assert_eq!(&record[column("peak_bytes")], row["peak_bytes"].to_string());
        assert_eq!(&record[column("largest_batch")], "");
        let words = row["parts"]["saved_words"].to_string();
        assert_eq!(&record[column("saved_words_bytes")], words);
    }
}

#[test]
fn bad_options_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large = folder.path().join("large.toml");
    let text = "[[layer]]\nshape = [1, 100000000000000]\n[[layer]]\nshape = [1, 100000000000000]\n";
    fs::write(&large, text).expect("a writable folder");
    let channels = folder.path().join("channels.toml");
    fs::write(&channels, "[[layer]]\nshape = [1000000000000000]\n").expect("a writable folder");
    let (large, channels) = (large.to_str().expect("UTF-8"), channels.to_str().expect("UTF-8"));
    for (options, status, parts) in [
        (&["--network", "iresnet"][..], 2, &["iresnet:", "iresnet50", ".toml"][..]),
        (&["--network", "no/such.toml"], 2, &["no/such.toml"]),
        (&["--batch", "0"], 2, &["'0'", "1 or more"]),
        (&["--batch", "-3"], 2, &["'-3'", "1 or more"]),
        (&["--batch", "many"], 2, &["'many'", "1 or more"]),
        (&["--batch", "18446744073709551615"], 2, &["18446744073709551615"]),
        (&["--batch", "1000000000000"], 2, &["batch of 1000000000000", "smaller"]),
        (&["--network", large, "--batch", "1000"], 2, &["batch of 1000", "smaller"]),
        (&["--network", channels], 1, &["slopes", "MiB are free"]),
        (&["--budget", "0"], 2, &["'0'", "less than a byte"]),
        (&["--budget", "-1GiB"], 2, &["'-1GiB'", "8GiB"]),
        (&["--budget", "8GiBs"], 2, &["'8GiBs'", "8GiB"]),
        (&["--budget", "lots"], 2, &["'lots'", "8GiB"]),
        (&["--budget", "2000TiB"], 2, &["'2000TiB'", "1024 TiB"]),
        (&["--gradients", "eternal"], 2, &["'eternal'", "resident", "transient"]),
        (&["--dtype", "f8"], 2, &["'f8'", "f16", "bf16", "f32", "f64"]),
        (&["--slopes", "steep"], 2, &["steep"]),
        (&["--slopes", "0.1,0.2"], 2, &["expected 64 slopes for axis 1, got 2"]),
        (&["--seed", "x"], 2, &["'x'"]),
        (&["--format", "xml"], 2, &["'xml'"]),
        (&["--output", "no-such-folder/plan.json"], 2, &["no-such-folder"]),
        (&["--strategy", "bitmask"], 2, &["--strategy"]),
        (&["extra"], 2, &["'extra'"]),
    ] {
        let output = prelu_mem().arg("plan").args(options).output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{options:?}: {stderr}");
        assert!(output.stdout.is_empty() && !stderr.contains("panicked"), "{options:?}: {stderr}");
        for part in parts {
            assert!(stderr.contains(part), "{options:?}: no '{part}' in: {stderr}");
        }
    }
}
