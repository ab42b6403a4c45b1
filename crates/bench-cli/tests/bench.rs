//! `bench` on small work: what it prints in every format, and what must hold of the figures whatever the machine.

use std::fs;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

fn prelu_mem() -> Command {
    cargo_bin_cmd!("prelu-mem")
}

fn stdout(arguments: &[&str]) -> String {
    let output = prelu_mem().arg("bench").args(arguments).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    assert!(stderr.is_empty(), "no progress away from a terminal: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--samples", "3", "--format", "json"]].concat();
    serde_json::from_str(&stdout(&arguments)).expect("one JSON object")
}

fn row<'a>(value: &'a Value, strategy: &str) -> &'a Value {
    let rows = value["rows"].as_array().expect("rows");
    rows.iter().find(|row| row["strategy"] == strategy).expect(strategy)
}

fn strategies(value: &Value) -> Vec<&str> {
    let rows = value["rows"].as_array().expect("rows");
    rows.iter().map(|row| row["strategy"].as_str().expect("a name")).collect()
}

const ALL: [&str; 6] =
    ["full-copy", "int8-mask", "bitmask", "diff-stash", "output-sign", "adaptive"];

/// Everything that holds of any row: the counted bytes are the predicted ones, the input gradient is exact.
fn assert_sound(value: &Value) {
    for row in value["rows"].as_array().expect("rows") {
        assert_eq!(row["allocated_bytes"], row["saved_bytes"], "{row}");
        assert_eq!(row["input_gradient_exact"], true, "{row}");
        let error = row["slope_gradient_relative_error"].as_f64().expect("a number");
        // A slope gradient is the sum of many terms, each within an element's rounding error.
        let dtype = value["settings"]["dtype"].as_str().expect("a name");
        let bound = match dtype {
            "f16" => 1e-2,
            "bf16" => 5e-2,
            "f32" => 1e-5,
            _ => 1e-12,
        };
        assert!(error <= bound, "{row}");
        for direction in ["forward", "backward"] {
            let seconds = &row[format!("{direction}_seconds")];
            let [min, median, max] =
                ["min", "median", "max"].map(|key| seconds[key].as_f64().expect("a number"));
            assert!(0.0 < min && min <= median && median <= max, "{row}");
            assert_eq!(seconds["samples"], 3, "{row}");
            for key in ["gbps", "of_limit"] {
                assert!(
                    row[format!("{direction}_{key}")].as_f64().is_some_and(|x| x > 0.0),
                    "{row}"
                );
            }
        }
    }
}

#[test]
fn the_object_has_the_documented_keys() {
    let value = json(&["--shape", "4,8,16"]);
    let keys =
        |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&value), ["record", "schema", "machine", "settings", "limits", "rows"]);
    assert_eq!(value["schema"], 1);
    assert_eq!(keys(&value["machine"]), ["cpu", "cores", "simd", "memory_bytes", "os", "gpu"]);
    assert_eq!(
        keys(&value["limits"]),
        [
            "copy_gbps",
            "in_place_scale_gbps",
            "in_place_triad_gbps",
            "copy_samples",
            "in_place_scale_samples",
            "in_place_triad_samples"
        ]
    );
    assert_eq!(
        keys(&value["rows"][0]),
        [
            "strategy",
            "hand_over",
            "layers",
            "elements",
            "saved_bytes",
            "allocated_bytes",
            "resident_bytes",
            "shared_buffer_bytes",
            "workspace_bytes",
            "needs_output",
            "bits_per_element",
            "forward_seconds",
            "backward_seconds",
            "forward_gbps",
            "backward_gbps",
            "forward_of_limit",
            "backward_of_limit",
            "input_gradient_exact",
            "slope_gradient_relative_error",
            "forward_samples",
            "backward_samples"
        ]
    );
    assert_eq!(keys(&value["rows"][0]["forward_seconds"]), ["median", "min", "max", "samples"]);
    let settings = &value["settings"];
    for (key, expected) in [
        ("device", Value::from("cpu")),
        ("dtype", "f32".into()),
        ("shape", vec![4, 8, 16].into()),
        ("axis", 1.into()),
        ("batch", 4.into()),
        ("gradients", "resident".into()),
        ("slopes", "0.25".into()),
        ("steps", 1.into()),
        ("seed", 0.into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
    ] {
        assert_eq!(settings[key], expected, "{key}");
    }
    assert!(settings.get("network").is_none());
}

#[test]
fn a_sample_is_the_mean_of_its_steps() {
    let start = std::time::Instant::now();
    let value = json(&["--shape", "4,8,16", "--threads", "1", "--steps", "500"]);
    let whole = start.elapsed().as_secs_f64();
    assert_sound(&value);
    assert_eq!(value["settings"]["steps"], 500);
    let seconds = |key: &str| row(&value, "bitmask")[key]["median"].as_f64().expect("a number");
    let step = seconds("forward_seconds") + seconds("backward_seconds");
    // Two of three samples last as long as the median or longer: their sums would not fit the run.
    assert!(step * 500.0 * 2.0 < whole, "{step} s in a run of {whole} s");
}

#[test]
fn memory_is_what_each_strategy_promises() {
    let value = json(&["--shape", "4,8,16"]);
    assert_eq!(strategies(&value), ALL);
    assert_sound(&value);
    // 512 elements; 0.25 is safely positive, so that output-sign and adaptive save nothing.
    for (strategy, bytes, bits, needs_output) in [
        ("full-copy", 2048, 32.0, false),
        ("int8-mask", 512, 8.0, true),
        ("bitmask", 64, 1.0, true),
        ("diff-stash", 0, 0.0, false),
        ("output-sign", 0, 0.0, true),
        ("adaptive", 0, 0.0, true),
    ] {
        let row = row(&value, strategy);
        assert_eq!(row["elements"], 512, "{row}");
        assert_eq!(row["saved_bytes"], bytes, "{row}");
        assert_eq!(row["bits_per_element"], bits, "{row}");
        assert_eq!(row["needs_output"], needs_output, "{row}");
    }
}

/// Resident bytes vary from run to run; what a full copy keeps is too much to be lost in that.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_full_copy_is_resident_and_what_earlier_subjects_freed_is_not() {
    let value = json(&["--shape", "16,64,128,128", "--strategy", "bitmask"]);
    let bytes = |strategy, key: &str| row(&value, strategy)[key].as_u64().expect("a number");
    let saved = bytes("full-copy", "saved_bytes") - bytes("bitmask", "saved_bytes");
    assert!(saved >= 60 << 20, "{saved}");
    let (full, bits) = (bytes("full-copy", "resident_bytes"), bytes("bitmask", "resident_bytes"));
    assert!(full > bits + saved / 2, "{full} beside {bits}");
}

#[test]
fn a_stash_shares_one_buffer_and_costs_a_copy_where_gradients_are_transient() {
    let network = ["--network", "mtcnn-onet", "--batch", "2", "--strategy", "diff-stash"];
    let (elements, largest) = (2 * (67_712 + 28_224 + 4_096 + 1_152 + 256), 2 * 67_712);
    for (mode, saved) in [("resident", 0), ("transient", 4 * elements)] {
        let value = json(&[&network[..], &["--gradients", mode]].concat());
        assert_sound(&value);
        assert_eq!(value["settings"]["gradients"], mode);
        let stash = row(&value, "diff-stash");
        assert_eq!(stash["saved_bytes"], saved, "{mode}");
        assert_eq!(stash["shared_buffer_bytes"], 4 * largest, "{mode}");
        assert_eq!(stash["bits_per_element"], f64::from(saved * 8) / f64::from(elements));
        assert_eq!(stash["needs_output"], false);
        let full = row(&value, "full-copy");
        assert_eq!(full["saved_bytes"], 4 * elements);
        assert_eq!(full["shared_buffer_bytes"], 0);
        assert_eq!(full["hand_over"], Value::Null);
    }
}

#[test]
fn both_hand_overs_are_measured_and_give_the_same_gradients() {
    let shape = ["--shape", "3,70000", "--slopes", "uniform:-0.5,0.5", "--strategy", "diff-stash"];
    let hand_overs = |value: &Value| {
        let rows = value["rows"].as_array().expect("rows");
        rows.iter().map(|row| row["hand_over"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    for (options, expected) in [
        (&[][..], &[None, Some("direct")][..]),
        (&["--hand-over", "copy"], &[None, Some("copy")]),
        (&["--hand-over", "direct", "--hand-over", "copy"], &[None, Some("copy"), Some("direct")]),
    ] {
        for mode in ["resident", "transient"] {
            let value = json(&[&shape[..], options, &["--gradients", mode]].concat());
            assert_sound(&value);
            let expected: Vec<_> = expected.iter().map(|name| name.map(str::to_owned)).collect();
            assert_eq!(hand_overs(&value), expected, "{options:?}");
            for row in value["rows"].as_array().expect("rows") {
                let error = |row: &Value| row["slope_gradient_relative_error"].to_string();
                assert_eq!(error(row), error(&value["rows"][0]), "{row}");
            }
        }
    }
}

#[test]
fn negative_and_zero_slopes_are_paid_for() {
    // Channels of 64 elements: one safely positive, one safely negative, two kept.
    let value = json(&["--shape", "4,4,16", "--slopes", "0.3,-0.7,0,1e-30"]);
    assert_sound(&value);
    assert_eq!(row(&value, "full-copy")["saved_bytes"], 4 * 256);
    assert_eq!(row(&value, "adaptive")["saved_bytes"], 64 / 8 + 2 * 64 * 4);
    assert_eq!(row(&value, "bitmask")["saved_bytes"], 2 * 64 / 8 + 2 * 64 * 4);
}

#[test]
fn the_baseline_runs_beside_a_named_strategy() {
    assert_eq!(
        strategies(&json(&["--shape", "2,3", "--strategy", "bitmask"])),
        ["full-copy", "bitmask"]
    );
    assert_eq!(strategies(&json(&["--shape", "2,3", "--strategy", "full-copy"])), ["full-copy"]);
    let named = [
        "--shape",
        "2,3",
        "--strategy",
        "adaptive",
        "--strategy",
        "int8-mask",
        "--strategy",
        "adaptive",
    ];
    assert_eq!(strategies(&json(&named)), ["full-copy", "int8-mask", "adaptive"]);
}

#[test]
fn every_type_layout_and_option_runs() {
    for arguments in [
        &["--shape", "3,5,7", "--dtype", "f64"][..],
        &["--shape", "3,5,7", "--dtype", "f16"],
        &["--shape", "3,5,7", "--dtype", "bf16"],
        &["--shape", "33"],
        &["--shape", "3,7,5", "--axis", "0", "--slopes", "0.3"],
        &["--shape", "3,7,5", "--axis", "2", "--slopes", "-0.7"],
        &["--shape", "3,7,5", "--shared-slope", "--slopes", "0.089"],
        &["--shape", "2,3,1,2,1,2,1,2", "--slopes", "0"],
        &["--shape", "3,70000", "--threads", "1", "--slopes", "uniform:-0.5,0.5", "--seed", "9"],
        &["--shape", "3,70000", "--threads", "3", "--slopes", "gaussian:0,0.3"],
        &["--shape", "3,70", "--gradients", "transient", "--slopes", "xavier"],
        &["--shape", "3,70", "--slopes", "msra"],
        &["--shape", "3,4", "--slopes", "constant:0.3"],
    ] {
        let value = json(arguments);
        assert_eq!(strategies(&value), ALL, "{arguments:?}");
        assert_sound(&value);
    }
}

#[test]
fn built_in_networks_run_at_a_batch_of_one() {
    for (network, layers, elements) in [
        ("mtcnn-onet", 5, 67_712 + 28_224 + 4_096 + 1_152 + 256),
        ("srresnet", 8, 6 * 30_976 + 123_904 + 495_616),
    ] {
        let value = json(&["--network", network, "--batch", "1", "--strategy", "bitmask"]);
        assert_sound(&value);
        assert_eq!(value["settings"]["network"], network);
        assert_eq!(value["settings"]["batch"], 1);
        assert_eq!(value["settings"]["shared_slope"], network == "srresnet");
        assert_eq!(row(&value, "bitmask")["layers"], layers);
        assert_eq!(row(&value, "bitmask")["elements"], elements);
    }
}

#[test]
fn a_network_file_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("small.toml");
    let text = "batch = 3\n[[layer]]\nrepeat = 2\nshape = [4, 8, 8]\n[[layer]]\nshape = [32]\n";
    fs::write(&path, text).expect("a writable folder");
    let value = json(&["--network", path.to_str().expect("UTF-8")]);
    assert_sound(&value);
    assert_eq!(value["settings"]["network"], "small");
    assert_eq!(value["settings"]["batch"], 3);
    assert_eq!(row(&value, "full-copy")["elements"], 3 * (2 * 256 + 32));
    assert_eq!(row(&value, "full-copy")["layers"], 3);
}

#[test]
fn the_same_seed_gives_the_same_errors() {
    let errors = |seed: &str, threads: &str| {
        let value =
            json(&["--shape", "5,9,41", "--slopes", "0.3", "--seed", seed, "--threads", threads]);
        row(&value, "bitmask")["slope_gradient_relative_error"].as_f64().expect("a number")
    };
    let first = errors("1", "1");
    assert!(first > 0.0, "0.3 is no power of two: its products are rounded");
    assert_eq!(first.to_bits(), errors("1", "3").to_bits());
    assert_ne!(first.to_bits(), errors("2", "1").to_bits());
}

#[test]
fn what_threads_do_between_passes_is_told_where_it_is_not_usual() {
    let of = |options: &[&str]| json(&[&["--shape", "4,8,16"], options].concat());
    for options in [&[][..], &["--wait-policy", "passive"]] {
        assert_eq!(of(options)["settings"].get("wait_policy"), None);
    }
    let active = of(&["--wait-policy", "active"]);
    assert_sound(&active);
    assert_eq!(active["settings"]["wait_policy"], "active");
    let options =
        ["--shape", "4,8,16", "--samples", "1", "--threads", "1", "--wait-policy", "active"];
    assert!(stdout(&options).contains("threads: 1, active"));
}

#[test]
fn csv_has_a_line_for_each_row() {
    let text = stdout(&["--shape", "4,8,16", "--samples", "2", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let column = |name: &str| header.iter().position(|column| column == name).expect(name);
    let rows: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().expect("rows of one length");
    assert_eq!(rows.iter().map(|row| &row[column("strategy")]).collect::<Vec<_>>(), ALL);
    assert_eq!(&rows[0][column("subject")], "4x8x16");
    assert_eq!(&rows[0][column("saved_bytes")], "2048");
    assert_eq!(&rows[0][column("samples")], "2");
    assert!(
        rows[0][column("forward_median_seconds")].parse::<f64>().is_ok_and(|seconds| seconds > 0.0)
    );
}

#[test]
fn tables_name_every_strategy_and_the_limits() {
    for format in ["table", "markdown"] {
        let text = stdout(&["--shape", "4,8,16", "--samples", "1", "--format", format]);
        for part in ALL.iter().chain(&[
            "bits/element",
            "32.00",
            "of limit",
            "GB/s",
            "dx exact",
            "Limits of this machine",
            "shared MiB",
            "diff-stash, direct",
        ]) {
            assert!(text.contains(part), "{format}: no '{part}' in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn output_goes_to_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bench.json");
    let name = path.to_str().expect("UTF-8");
    let text = stdout(&["--shape", "2,3", "--samples", "1", "--format", "json", "--output", name]);
    assert_eq!(text, "");
    let value: Value = serde_json::from_slice(&fs::read(&path).expect("the file")).expect("JSON");
    assert_eq!(strategies(&value), ALL);
}

#[test]
fn work_that_does_not_fit_is_refused_with_the_batch_that_would() {
    let output =
        prelu_mem().args(["bench", "--batch", "100000000"]).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(output.stdout.is_empty());
    let batch = stderr
        .trim()
        .rsplit_once("the largest batch that fits is ")
        .map(|(_, batch)| batch.parse::<usize>());
    assert!(matches!(batch, Some(Ok(batch)) if batch > 0 && batch < 100_000_000), "{stderr}");
    for shape in ["1,100000000000000", "100000000000000,3", "100000000000000"] {
        let output =
            prelu_mem().args(["bench", "--shape", shape]).output().expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("MiB are free"), "{stderr}");
    }
}
