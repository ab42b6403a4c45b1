//! `report`, and the records that `bench`, `check` and `train` write for it, as whole processes.

use std::error::Error;
use std::fs;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

/// Exit status, standard output and standard error, run in `folder`.
fn run(folder: &Path, arguments: &[&str]) -> Result<(i32, String, String), Box<dyn Error>> {
    let output = cargo_bin_cmd!("prelu-mem").args(arguments).current_dir(folder).output()?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    Ok((output.status.code().ok_or("a status")?, stdout, stderr))
}

const BENCH: [&str; 9] =
    ["bench", "--shape", "4,8,64", "--samples", "3", "--threads", "1", "--record", "records"];

/// A folder `records` with the record of one bench in it; the path of that.
fn recorded(folder: &Path) -> Result<std::path::PathBuf, Box<dyn Error>> {
    fs::create_dir(folder.join("records"))?;
    let (status, _, stderr) = run(folder, &[&BENCH[..], &["--machine", "box"]].concat())?;
    assert_eq!(status, 0, "{stderr}");
    let file = folder.join("records/box/bench-4x8x64-f32-1-thread.json");
    assert!(stderr.contains("bench-4x8x64-f32-1-thread.json (new)"), "{stderr}");
    assert!(file.is_file(), "{stderr}");
    Ok(file)
}

const REPORT: [&str; 5] = ["report", "--records", "records", "--output-dir", "out"];

#[test]
fn a_record_is_what_json_shows_and_holds_every_sample() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = recorded(folder.path())?;
    let record: Value = serde_json::from_slice(&fs::read(&file)?)?;
    assert_eq!((&record["record"], &record["schema"]), (&"bench".into(), &1.into()));
    for row in record["rows"].as_array().ok_or("rows")? {
        for pass in ["forward", "backward"] {
            let samples = row[format!("{pass}_samples")].as_array().ok_or("samples")?;
            let mut seconds: Vec<f64> = samples.iter().filter_map(Value::as_f64).collect();
            seconds.sort_by(f64::total_cmp);
            let summary = &row[format!("{pass}_seconds")];
            assert_eq!(summary["samples"], samples.len(), "{row}");
            assert_eq!(summary["median"].as_f64(), Some(seconds[1]), "{row}");
            assert_eq!(summary["min"].as_f64(), Some(seconds[0]), "{row}");
        }
    }
    let limits = record["limits"]["in_place_scale_samples"].as_array().ok_or("limits")?;
    assert_eq!(limits.len(), 3);
    // Without a name the machine is called after itself.
    let (status, _, stderr) = run(folder.path(), &BENCH)?;
    let cores = record["machine"]["cores"].as_u64().ok_or("cores")?;
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains(&format!("{cores}-cores")), "{stderr}");
    Ok(())
}

#[test]
fn only_the_same_run_replaces_a_record() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = recorded(folder.path())?;
    let own = ["--machine", "box"];
    let (status, _, stderr) = run(folder.path(), &[&BENCH[..], &own].concat())?;
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("(replaced)"), "{stderr}");

    // The same name, but what is there is of something else.
    let there = fs::read_to_string(&file)?;
    for (old, new, says) in [
        ("\"seed\": 0", "\"seed\": 9", "seed 9, not 0"),
        ("\"cores\": ", "\"cores\": 1", "another machine"),
        ("\"record\": \"bench\"", "\"record\": \"weather\"", "'weather'"),
        ("\"schema\": 1", "\"schema\": 2", "schema 2"),
        ("{", "x", "no JSON"),
    ] {
        let changed = there.replacen(old, new, 1);
        assert_ne!(changed, there, "{old}");
        fs::write(&file, &changed)?;
        let (status, stdout, stderr) = run(folder.path(), &[&BENCH[..], &own].concat())?;
        assert_eq!((status, stdout.as_str()), (2, ""), "{old}: {stderr}");
        assert!(stderr.contains(says), "{old}: {stderr}");
        assert_eq!(fs::read_to_string(&file)?, changed, "{old}: it is left alone");
    }
    assert_eq!(fs::read_dir(folder.path().join("records/box"))?.count(), 1, "no draft is left");
    Ok(())
}

#[test]
fn places_that_cannot_be_are_refused_before_the_run() -> Outcome {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), "")?;
    fs::create_dir(folder.path().join("records"))?;
    fs::write(folder.path().join("records/taken"), "")?;
    let small = ["bench", "--shape", "4,8", "--samples", "1"];
    for (options, says) in [
        (&["--record", "nowhere"][..], "there is no folder nowhere"),
        (&["--record", "file"], "there is no folder file"),
        (&["--record"], "docs/records"),
        (&["--machine", "box"], "--record"),
        (&["--record", "records", "--machine", "../up"], "'../up'"),
        (&["--record", "records", "--machine", ""], "my-workstation"),
        (&["--record", "records", "--machine", "taken"], "taken"),
    ] {
        let (status, stdout, stderr) = run(folder.path(), &[&small[..], options].concat())?;
        assert_eq!((status, stdout.as_str()), (2, ""), "{options:?}: {stderr}");
        assert!(stderr.contains(says), "{options:?}: {stderr}");
    }
    Ok(())
}

#[test]
fn the_same_records_give_the_same_bytes_and_check_sees_any_change() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = recorded(folder.path())?;
    let train =
        ["train", "--epochs", "1", "--batch", "250", "--record", "records", "--machine", "box"];
    for more in
        [&["--strategy", "full-copy"][..], &["--strategy", "bitmask"], &["--activation", "relu"]]
    {
        let (status, _, stderr) = run(folder.path(), &[&train[..], more].concat())?;
        assert_eq!(status, 0, "{stderr}");
    }
    let (status, stdout, stderr) = run(folder.path(), &REPORT)?;
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    let page = fs::read_to_string(folder.path().join("out/comparison.md"))?;
    for part in [
        "## Which strategy to take",
        "## Training",
        "box-training.svg",
        "`bitmask`",
        "## How it was measured",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !page.contains("## On a GPU") && !page.contains("## Other implementations"),
        "of no record"
    );
    let html = fs::read_to_string(folder.path().join("out/comparison.html"))?;
    assert!(html.contains("Content-Security-Policy") && !html.contains("src="), "self-contained");

    let again = folder.path().join("again");
    let (status, ..) =
        run(folder.path(), &["report", "--records", "records", "--output-dir", "again"])?;
    assert_eq!(status, 0);
    for name in ["comparison.md", "comparison.html", "comparison/box-training.svg"] {
        let (one, other) =
            (fs::read(folder.path().join("out").join(name))?, fs::read(again.join(name))?);
        assert_eq!(one, other, "{name}");
    }

    let check = [&REPORT[..], &["--check"]].concat();
    let (status, stdout, stderr) = run(folder.path(), &check)?;
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    // A page that was edited, a chart that is gone, and one of no record.
    fs::write(folder.path().join("out/comparison.md"), "mine")?;
    fs::remove_file(folder.path().join("out/comparison/batches.svg"))?;
    fs::write(folder.path().join("out/comparison/old.svg"), "")?;
    let (status, stdout, stderr) = run(folder.path(), &check)?;
    assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
    for part in ["comparison.md is stale", "batches.svg is stale", "old.svg is of no record"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(!stderr.contains("comparison.html is stale"), "{stderr}");
    assert_eq!(fs::read_to_string(folder.path().join("out/comparison.md"))?, "mine");
    // A record that changes makes pages stale.
    fs::remove_file(folder.path().join("out/comparison/old.svg"))?;
    run(folder.path(), &REPORT)?;
    assert_eq!(run(folder.path(), &check)?.0, 0);
    let run_file = file.with_file_name("training-prelu-bitmask.json");
    let changed = fs::read_to_string(&run_file)?.replacen(
        "\"test_accuracy\": 0.",
        "\"test_accuracy\": 0.0",
        1,
    );
    fs::write(&run_file, changed)?;
    let (status, _, stderr) = run(folder.path(), &check)?;
    assert_eq!(status, 1);
    assert!(stderr.contains("box-training.svg is stale"), "{stderr}");
    Ok(())
}

#[test]
fn bad_records_are_named_and_the_rest_is_reported() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = recorded(folder.path())?;
    let good = fs::read_to_string(&file)?;
    let bad = [
        ("damaged.json", good[..good.len() / 2].to_owned(), "no JSON"),
        (
            "future.json",
            good.replacen("\"schema\": 1", "\"schema\": 7", 1),
            "bench record of schema 7",
        ),
        ("foreign.json", "{\"name\": \"package\"}".to_owned(), "says no kind"),
        ("kind.json", good.replacen("\"bench\"", "\"weather\"", 1), "'weather'"),
        (
            "elsewhere.json",
            good.replacen("\"cpu\": \"", "\"cpu\": \"Another ", 1),
            "another machine",
        ),
        (
            "nonsense.json",
            good.replacen("\"forward_gbps\": ", "\"forward_gbps\": -", 1),
            "rows[].forward_gbps",
        ),
        ("empty.json", String::new(), "no JSON"),
        // Read behind the first of the two, which counts.
        ("twice.json", good.clone(), "measures the same as"),
    ];
    for (name, text, _) in &bad {
        fs::write(file.with_file_name(name), text)?;
    }
    fs::write(file.with_file_name("notes.txt"), "no record, and none is looked for here")?;
    let (status, stdout, stderr) = run(folder.path(), &REPORT)?;
    assert_eq!(status, 1, "{stdout}");
    for (name, _, says) in &bad {
        let line = stderr.lines().find(|line| line.contains(name)).ok_or(*name)?;
        assert!(line.contains(says) && line.contains("skipped"), "{line}");
    }
    assert!(stderr.contains("8 files or folders were left out"), "{stderr}");
    assert!(folder.path().join("out/comparison.html").is_file());
    let (status, _, stderr) = run(folder.path(), &[&REPORT[..], &["--check"]].concat())?;
    assert_eq!(status, 1, "up to date, and records are left out");
    assert!(!stderr.contains("stale"), "{stderr}");
    Ok(())
}

#[test]
fn command_lines_that_cannot_be_used() -> Outcome {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("empty"))?;
    fs::write(folder.path().join("file"), "")?;
    for (options, status, says) in [
        (&["--records", "nowhere", "--output-dir", "out"][..], 2, "nowhere: "),
        (&["--records", "file", "--output-dir", "out"], 2, "file: "),
        (&["--records", "empty"], 2, "--output-dir"),
        (&["--records", "empty", "--check"], 2, "--output-dir"),
        (&["--records", "empty", "--output-dir", "out"], 1, "no record to report"),
        (&["--format", "json"], 2, "--format"),
        (&["--output", "x"], 2, "--output-dir"),
        (&["extra"], 2, "extra"),
        (&[], 2, "docs/records"),
    ] {
        let (code, stdout, stderr) = run(folder.path(), &[&["report"][..], options].concat())?;
        assert_eq!((code, stdout.as_str()), (status, ""), "{options:?}: {stderr}");
        assert!(stderr.contains(says), "{options:?}: {stderr}");
    }
    assert!(!folder.path().join("docs").exists() && !folder.path().join("out").exists());
    recorded(folder.path())?;
    for (place, says) in [("file", "is not a folder"), ("no/where", "there is no folder no")] {
        let arguments = ["report", "--records", "records", "--output-dir", place];
        let (status, _, stderr) = run(folder.path(), &arguments)?;
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
    // The last file is in the way: none of the others is written either.
    fs::create_dir_all(folder.path().join("out/comparison.html"))?;
    let (status, stdout, stderr) = run(folder.path(), &REPORT)?;
    assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains("comparison.html: names a folder"), "{stderr}");
    assert!(!folder.path().join("out/comparison.md").exists(), "{stderr}");
    assert_eq!(fs::read_dir(folder.path().join("out/comparison"))?.count(), 0, "{stderr}");
    Ok(())
}
