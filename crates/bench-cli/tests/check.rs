//! `prelu-mem check` as a whole process.

use std::error::Error;
use std::fs;

use assert_cmd::Command;
use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

fn check(options: &[&str]) -> Result<(Option<i32>, String, String), Box<dyn Error>> {
    let output = Command::cargo_bin("prelu-mem")?.arg("check").args(options).output()?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    Ok((output.status.code(), stdout, stderr))
}

#[test]
fn every_strategy_dtype_and_layout_holds_on_this_machine() -> Outcome {
    let (status, stdout, stderr) = check(&["--format", "json"])?;
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    let report: Value = serde_json::from_str(&stdout)?;
    assert_eq!(report["failed"], 0);
    assert_eq!(report["complete"], true);
    let rows = report["rows"].as_array().ok_or("rows")?;
    for strategy in ["full-copy", "int8-mask", "bitmask", "diff-stash", "output-sign", "adaptive"] {
        for dtype in ["f16", "bf16", "f32", "f64"] {
            let of = |row: &&Value| row["strategy"] == strategy && row["dtype"] == dtype;
            let layouts: Vec<_> = rows.iter().filter(of).map(|row| &row["layout"]).collect();
            for layout in ["empty", "channels first", "channels second", "channels last"] {
                let named = layouts.iter().filter(|name| **name == layout).count();
                assert_eq!(named, 1, "{strategy} {dtype} {layout} in {layouts:?}");
            }
        }
    }
    let mut cases = 0;
    for row in rows {
        let worst = row["worst_error_of_bound"].as_f64().ok_or("a number")?;
        assert!((0.0..=1.0).contains(&worst), "{row}");
        cases += row["cases"].as_u64().ok_or("a count")?;
    }
    assert_eq!(report["cases"], cases);
    Ok(())
}

#[test]
fn people_see_both_summaries() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("check.md").display().to_string();
    let (status, stdout, stderr) =
        check(&["--threads", "1", "--format", "markdown", "--output", &file])?;
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (Some(0), "", ""));
    let text = fs::read_to_string(file)?;
    for part in ["By strategy and element type", "By layout", "| pass", "1 thread,"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("FAIL"), "{text}");
    Ok(())
}

#[test]
fn bad_options_are_refused() -> Outcome {
    for (options, status, says) in [
        (&["--threads", "0"][..], 2, "--threads"),
        (&["--threads", "x"], 2, "'x'"),
        (&["--device", "tpu"], 2, "cuda:I"),
        (&["--format", "yaml"], 2, "yaml"),
        (&["--strategy", "bitmask"], 2, "--strategy"),
        (&["extra"], 2, "extra"),
        (&["--output", "no-such-folder/check.csv"], 2, "no-such-folder"),
        (&["--device", "cuda:99"], 1, "CUDA"),
        (&["--device", "cuda:99"], 1, "--device cuda:99"),
        (&["--device", "cuda", "--threads", "2"], 2, "--threads 2"),
    ] {
        let (code, stdout, stderr) = check(options)?;
        assert_eq!(code, Some(status), "{options:?}: {stderr}");
        assert!(stderr.contains(says), "{options:?}: {stderr}");
        assert_eq!(stdout, "", "{options:?}");
    }
    Ok(())
}

/// A SIMD level that is named in the environment is the one that is checked.
#[test]
fn the_level_in_the_report_is_the_level_that_ran() -> Outcome {
    let output = Command::cargo_bin("prelu-mem")?
        .args(["check", "--format", "json"])
        .env("PRELU_MEM_SIMD", "portable")
        .output()?;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout)?["simd"], "portable");
    Ok(())
}
