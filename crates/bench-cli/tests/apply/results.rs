//! What comes out, held against a naive computation.

use std::fs;

use serde_json::Value;

use super::arrays::{Case, Dtype, Order, Result};

type Outcome = Result<()>;

const STRATEGIES: [&str; 6] =
    ["full-copy", "int8-mask", "bitmask", "diff-stash", "output-sign", "adaptive"];

#[test]
fn every_strategy_dtype_and_order() -> Outcome {
    for strategy in STRATEGIES {
        for dtype in [Dtype::F16, Dtype::F32, Dtype::F64] {
            for order in [Order::C, Order::Fortran] {
                let case = Case::new(&[3, 5, 4, 2], &[0.3, -0.7, 0.0, 0.25, 0.008])?;
                case.dtype(dtype).order(order).run(strategy, &[])?.matches(strategy, 1)?;
            }
        }
    }
    Ok(())
}

#[test]
fn every_axis_and_any_number_of_axes() -> Outcome {
    let slopes = [0.3, -0.7, 0.0];
    for (shape, axis) in [
        (&[3, 2, 4][..], 0),
        (&[2, 3, 4], 1),
        (&[2, 4, 3], 2),
        (&[3], 0),
        (&[5, 3], 1),
        (&[1, 3, 1, 2, 1, 2, 1, 2], 1),
    ] {
        let case = Case::new(shape, &slopes)?;
        case.run("adaptive", &["--axis", &axis.to_string()])?.matches("adaptive", axis)?;
    }
    // Without --axis: the second axis, or the only one.
    Case::new(&[3], &slopes)?.run("bitmask", &[])?.matches("bitmask", 0)?;
    Case::new(&[5, 3], &slopes)?.run("bitmask", &[])?.matches("bitmask", 1)
}

#[test]
fn one_value_is_shared_by_all_channels() -> Outcome {
    for slopes_shape in [&[1][..], &[]] {
        for strategy in STRATEGIES {
            for slope in [0.3, -0.7, 0.0] {
                let case = Case::new(&[2, 5, 7], &[slope])?.slopes_shape(slopes_shape);
                let done = case.run(strategy, &[])?;
                done.matches(strategy, 1)?;
                assert_eq!(done.shape_of("da.npy")?, slopes_shape);
            }
        }
    }
    Ok(())
}

#[test]
fn empty_arrays_give_empty_results_and_zero_sums() -> Outcome {
    for (shape, slopes) in
        [(&[0, 4, 3][..], &[0.25; 4][..]), (&[2, 0, 3], &[]), (&[2, 4, 0], &[0.0; 4])]
    {
        let case = Case::new(shape, slopes)?;
        for strategy in STRATEGIES {
            let done = case.run(strategy, &["--format", "json"])?;
            done.matches(strategy, 1)?;
            assert_eq!(done.shape_of("y.npy")?, shape);
            assert_eq!(
                serde_json::from_str::<Value>(&done.stdout)?["bits_per_element"],
                Value::Null
            );
        }
    }
    Ok(())
}

#[test]
fn threads_do_not_change_a_bit() -> Outcome {
    let case = Case::new(&[7, 3, 61, 59], &[0.3, -0.7, 0.089])?;
    let one = case.run("bitmask", &["--threads", "1"])?.files()?;
    for threads in ["2", "3"] {
        assert!(case.run("bitmask", &["--threads", threads])?.files()? == one, "{threads} threads");
    }
    Ok(())
}

#[test]
fn what_was_saved_is_told() -> Outcome {
    let case = Case::new(&[4, 4, 32], &[0.3, -0.7, 0.0, 0.25])?;
    for (strategy, saved_bytes, channels, needs_output) in [
        ("full-copy", 4 * 512, [0, 4, 0], false),
        ("diff-stash", 0, [0, 4, 0], false),
        ("adaptive", 128 / 8 + 4 * 128, [2, 1, 1], true),
        ("output-sign", 4 * 2 * 128, [2, 0, 2], true),
    ] {
        let done = case.run(strategy, &["--format", "json"])?;
        let report: Value = serde_json::from_str(&done.stdout)?;
        assert_eq!(report["strategy"], strategy);
        assert_eq!(report["shape"], serde_json::json!([4, 4, 32]));
        assert_eq!(report["saved_bytes"], saved_bytes, "{strategy}");
        assert_eq!(report["allocated_bytes"], saved_bytes, "{strategy}");
        assert_eq!(report["bits_per_element"], f64::from(saved_bytes) * 8.0 / 512.0);
        let [derived, encoded, kept] = channels;
        let expected = serde_json::json!({ "derived": derived, "encoded": encoded, "kept": kept });
        assert_eq!(report["channels"], expected, "{strategy}");
        assert_eq!(report["needs_output"], needs_output, "{strategy}");
    }
    Ok(())
}

#[test]
fn every_format_names_the_strategy_and_the_files() -> Outcome {
    let case = Case::new(&[2, 3], &[0.25; 3])?;
    for format in ["table", "json", "csv", "markdown"] {
        let done = case.run("int8-mask", &["--format", format])?;
        for part in ["int8-mask", "y.npy", "dx.npy", "da.npy"] {
            assert!(done.stdout.contains(part), "{part} in {}", done.stdout);
        }
    }
    let report = case.path("report.csv");
    let done = case.run("int8-mask", &["--format", "csv", "--output", &report])?;
    assert_eq!(done.stdout, "");
    assert!(fs::read_to_string(report)?.contains("int8-mask,f32,6,6,0,6,8,0,3,0,"));
    Ok(())
}

#[test]
fn frozen_slopes_have_no_gradient_file() -> Outcome {
    let case = Case::new(&[2, 3, 5], &[0.3, -0.7, 0.0])?;
    for strategy in STRATEGIES {
        let learned = case.run(strategy, &[])?;
        let y = fs::read(learned.path("y.npy"))?;
        let dx = fs::read(learned.path("dx.npy"))?;
        assert!(learned.path("da.npy").exists());
        let frozen = case.run(strategy, &["--frozen"])?;
        assert_eq!(fs::read(frozen.path("y.npy"))?, y, "{strategy}");
        assert_eq!(fs::read(frozen.path("dx.npy"))?, dx, "{strategy}");
        assert!(!frozen.path("da.npy").exists(), "a sum of the run before stays behind");
    }
    Ok(())
}

#[test]
fn old_results_are_replaced_and_other_files_stay() -> Outcome {
    let case = Case::new(&[2, 3], &[0.25; 3])?;
    let folder = case.path("out");
    fs::create_dir(&folder)?;
    for name in ["y.npy", "dx.npy", "da.npy", "notes.txt"] {
        fs::write(format!("{folder}/{name}"), "old")?;
    }
    let done = case.run("bitmask", &[])?;
    done.matches("bitmask", 1)?;
    assert_eq!(fs::read_to_string(done.path("notes.txt"))?, "old");
    assert_eq!(done.names()?, ["da.npy", "dx.npy", "notes.txt", "y.npy"]);
    Ok(())
}

#[test]
fn results_may_replace_their_own_inputs() -> Outcome {
    let case = Case::new(&[2, 3], &[0.3; 3])?;
    let first = case.run("bitmask", &[])?.files()?;
    fs::copy(case.path("x.npy"), case.path("out/y.npy"))?;
    let again = case.run("bitmask", &["--input", &case.path("out/y.npy")])?;
    assert!(again.files()? == first);
    Ok(())
}
