//! What `bench` measures and prints.

use serde_json::Value;

use super::program::{Outcome, SHIM, STRATEGIES, json, rows, run};

#[test]
fn bench_measures_on_the_device() -> Outcome {
    let bench = ["bench", "--device", "cuda", "--samples", "2"];
    for arguments in [
        &["--shape", "4,8,16"][..],
        &["--shape", "3,7,5", "--axis", "2", "--slopes", "-0.7", "--dtype", "f64"],
        &["--shape", "2,5,33", "--shared-slope", "--slopes", "0.3", "--dtype", "bf16"],
        &["--network", "mtcnn-onet", "--batch", "2", "--slopes", "uniform:-0.5,0.5"],
        &["--network", "mtcnn-onet", "--batch", "1", "--gradients", "transient", "--dtype", "f16"],
    ] {
        let report = json(&[], &[&bench[..], arguments].concat())?;
        assert_eq!(report["settings"]["device"], "cuda:0");
        assert_eq!(report["settings"]["threads"], Value::Null);
        assert_eq!(report["machine"]["gpu"]["name"], SHIM);
        let named: Vec<&Value> = rows(&report)?.iter().map(|row| &row["strategy"]).collect();
        assert_eq!(named, STRATEGIES, "{arguments:?}");
        for row in rows(&report)? {
            assert_eq!(row["allocated_bytes"], row["saved_bytes"], "{arguments:?}: {row}");
            assert_eq!(row["input_gradient_exact"], true, "{arguments:?}: {row}");
            let error = row["slope_gradient_relative_error"].as_f64().ok_or("a number")?;
            assert!(error <= 5e-2, "{arguments:?}: {row}");
            assert!(row["resident_bytes"].as_u64() >= row["saved_bytes"].as_u64(), "{row}");
            for direction in ["forward", "backward"] {
                let seconds = &row[format!("{direction}_seconds")];
                assert!(seconds["min"].as_f64().is_some_and(|min| min > 0.0), "{row}");
                assert_eq!(seconds["samples"], 2, "{row}");
                let of_limit = row[format!("{direction}_of_limit")].as_f64();
                assert!(of_limit.is_some_and(|share| share > 0.0), "{row}");
            }
        }
        for limit in ["copy_gbps", "in_place_scale_gbps", "in_place_triad_gbps"] {
            assert!(report["limits"][limit].as_f64().is_some_and(|gbps| gbps > 0.0), "{limit}");
        }
    }
    Ok(())
}

#[test]
fn both_hand_overs_give_the_same_slope_gradient() -> Outcome {
    let report = json(
        &[],
        &[
            "bench",
            "--device",
            "cuda",
            "--samples",
            "1",
            "--shape",
            "3,70,9",
            "--slopes",
            "uniform:-0.5,0.5",
            "--strategy",
            "diff-stash",
            "--hand-over",
            "copy",
            "--hand-over",
            "direct",
        ],
    )?;
    let rows = rows(&report)?;
    let hand_overs: Vec<&Value> = rows.iter().map(|row| &row["hand_over"]).collect();
    assert_eq!(hand_overs, [&Value::Null, &"copy".into(), &"direct".into()]);
    for row in rows {
        let error = "slope_gradient_relative_error";
        assert_eq!(row[error], rows[0][error], "{row}");
        assert_eq!(row["input_gradient_exact"], true, "{row}");
    }
    Ok(())
}

#[test]
fn people_and_spreadsheets_are_told_the_device() -> Outcome {
    let bench = ["bench", "--device", "cuda", "--samples", "1", "--shape", "2,3"];
    let table = run(&[], &bench)?;
    assert_eq!(table.status, Some(0), "{}", table.stderr);
    assert!(table.stdout.contains("on cuda:0") && table.stdout.contains(SHIM), "{}", table.stdout);
    let csv = run(&[], &[&bench[..], &["--format", "csv"]].concat())?;
    let mut lines = csv.stdout.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().ok_or("a head")?;
    let column = |name| head.iter().position(|cell| *cell == name).ok_or(name);
    let (device, threads) = (column("device")?, column("threads")?);
    for line in lines {
        assert_eq!((line[device], line[threads]), ("cuda:0", ""), "{line:?}");
    }
    Ok(())
}

#[test]
fn the_device_named_is_the_device_used() -> Outcome {
    let two = [("PRELU_MEM_SHIM_DEVICES", "2")];
    let report = json(
        &two,
        &[
            "bench",
            "--device",
            "cuda:1",
            "--samples",
            "1",
            "--shape",
            "2,3",
            "--strategy",
            "bitmask",
        ],
    )?;
    assert_eq!(report["settings"]["device"], "cuda:1");
    assert_eq!(report["machine"]["gpu"]["index"], 1);
    Ok(())
}
