//! Input that cannot be used: the message, the exit status, and an output folder left alone.

use std::fs;

use super::arrays::{Case, Dtype, Order, Result};

/// A case whose files are there and fit together.
fn good() -> Result<Case> {
    let case = Case::new(&[4, 64, 3], &[0.25; 64])?;
    case.write()?;
    Ok(case)
}

/// The run ends with this status, says each of these, and leaves no new file anywhere.
fn refused(case: &Case, more: &[&str], status: i32, says: &[&str]) -> Result<()> {
    let before = case.names()?;
    let output = case.command("bitmask", more)?;
    let message = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(status), "{more:?}: {message}");
    for part in says {
        assert!(message.contains(part), "{more:?}: '{part}' in: {message}");
    }
    assert!(!message.contains("panicked"), "{message}");
    assert_eq!(output.stdout, b"", "{more:?}");
    assert_eq!(case.names()?, before, "{more:?}");
    Ok(())
}

/// The same with x.npy replaced by these bytes.
fn refused_input(bytes: &[u8], says: &str) -> Result<()> {
    let case = good()?;
    fs::write(case.path("x.npy"), bytes)?;
    refused(&case, &[], 2, &["--input", "x.npy", says])
}

/// A version 1.0 file with this header text and these data bytes.
fn file(text: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend(data);
    bytes
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")
}

#[test]
fn a_wrong_number_of_slopes() -> Result<()> {
    for (count, got) in [(63, "got 63"), (65, "got 65"), (0, "got 0"), (2, "got 2")] {
        let case = Case::new(&[4, 64, 3], &vec![0.25; count])?;
        case.write()?;
        refused(&case, &[], 2, &["--slopes", "expected 64 slopes for axis 1", got])?;
    }
    let case = good()?;
    refused(&case, &["--axis", "2"], 2, &["expected 3 slopes for axis 2, got 64"])?;
    let case = Case::new(&[4, 64, 3], &[0.25; 64])?.slopes_shape(&[1, 64]);
    case.write()?;
    refused(&case, &[], 2, &["--slopes", "has shape [1, 64]", "one axis"])
}

#[test]
fn an_axis_out_of_range() -> Result<()> {
    let case = good()?;
    refused(&case, &["--axis", "3"], 2, &["axis 3", "[4, 64, 3]", "0 to 2"])?;
    refused(&case, &["--axis", "-1"], 2, &["'-1'", "--axis", "0 to 7"])?;
    refused(&case, &["--axis", "one"], 2, &["'one'"])?;
    let case = Case::new(&[], &[0.25])?;
    case.write()?;
    refused(&case, &[], 2, &["1 to 8"])?;
    let case = Case::new(&[1; 9], &[0.25])?;
    case.write()?;
    refused(&case, &[], 2, &["9 axes", "1 to 8"])
}

#[test]
fn arrays_that_do_not_fit_together() -> Result<()> {
    let case = good()?;
    let other = Case::new(&[4, 3, 64], &[0.25; 64])?.dtype(Dtype::F32).order(Order::Fortran);
    other.write()?;
    let upstream = other.path("g.npy");
    let expected = &["--upstream", "has shape [4, 3, 64]", "[4, 64, 3]"];
    refused(&case, &["--upstream", &upstream], 2, expected)?;

    let doubles = Case::new(&[4, 64, 3], &[0.25; 64])?.dtype(Dtype::F64);
    doubles.write()?;
    for (option, name) in [("--upstream", "g.npy"), ("--slopes", "a.npy")] {
        let path = doubles.path(name);
        refused(&case, &[option, &path], 2, &[option, "is f64, and the input is f32"])?;
    }
    Ok(())
}

#[test]
fn files_that_are_no_arrays() -> Result<()> {
    let case = good()?;
    let missing = case.path("missing.npy");
    for option in ["--input", "--slopes", "--upstream"] {
        refused(&case, &[option, &missing], 2, &[option, "missing.npy", "cannot be read"])?;
        refused(&case, &[option, &case.path(".")], 2, &[option, "not a regular file"])?;
    }
    refused_input(b"", "is not a .npy file")?;
    refused_input(b"PK\x03\x04", "is not a .npy file")?;
    refused_input(b"\x93NUMPY\x01", "is not a .npy file")
}

#[test]
fn damaged_files() -> Result<()> {
    let case = good()?;
    let whole = fs::read(case.path("x.npy"))?;
    refused_input(&whole[..whole.len() - 1], "is truncated: its shape needs 3072 bytes")?;
    refused_input(&whole[..100], "header")?;
    let mut longer = whole;
    longer.extend(b"more");
    refused_input(&longer, "has 4 bytes after its array")?;

    refused_input(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "claims a header of 4294967295 bytes")?;
    refused_input(b"\x93NUMPY\x02\x00\xff\xff\x00\x00", "claims a header of 65535 bytes")?;
    refused_input(b"\x93NUMPY\x07\x00\x02\x00{}", "version is 7.0")?;
    refused_input(&file("[1, 2]\n", &[]), "not a Python dictionary")?;
    refused_input(&file("import os\n", &[]), "not a Python dictionary")?;
    refused_input(&file("{}\n", &[]), "malformed header")?;
    refused_input(&file(&"[".repeat(5000), &[]), "structured or nested")
}

#[test]
fn shapes_that_no_file_holds() -> Result<()> {
    for (shape, says) in [
        ("(1099511627776,)", "is truncated: its shape needs 4398046511104 bytes"),
        ("(4294967296, 4294967296)", "more elements than a file can hold"),
        ("(0, 4294967296, 4294967296)", "more elements than a file can hold"),
        ("(99999999999999999999,)", "more elements than a file can hold"),
        ("(-1,)", "the extent -1"),
        ("(2.5,)", "whole numbers"),
        ("7", "shape"),
    ] {
        refused_input(&file(&header("'<f4'", shape), &[0; 16]), says)?;
    }
    Ok(())
}

#[test]
fn types_that_are_not_taken() -> Result<()> {
    for (descr, says) in [
        ("'>f4'", "is big-endian (dtype '>f4')"),
        ("'>f8'", "is big-endian (dtype '>f8')"),
        ("'|O'", "holds Python objects"),
        ("'<i4'", "has dtype '<i4'; float16, float32 and float64 are accepted"),
        ("'|b1'", "has dtype '|b1'"),
        ("'<c8'", "has dtype '<c8'"),
        ("'<U4'", "has dtype '<U4'"),
        ("[('a', '<f4'), ('b', '<f4')]", "structured or nested"),
        ("'f'", "malformed header"),
    ] {
        refused_input(&file(&header(descr, "(1,)"), &[0; 8]), says)?;
    }
    Ok(())
}

#[test]
fn options_that_cannot_be_used() -> Result<()> {
    let case = good()?;
    refused(
        &case,
        &["--strategy", "bitmsk"],
        2,
        &["bitmsk", "full-copy", "adaptive", "'bitmask'"],
    )?;
    for threads in ["0", "-2", "many"] {
        refused(&case, &["--threads", threads], 2, &["--threads", threads])?;
    }
    refused(&case, &["--device", "gpu"], 2, &["--device", "gpu", "cuda:I"])?;
    refused(&case, &["--format", "xml"], 2, &["--format", "xml", "json"])?;
    refused(&case, &["--frozen=yes"], 2, &["--frozen"])?;
    refused(&case, &["--wrong"], 2, &["--wrong"])
}

#[test]
fn every_file_has_to_be_named() -> Result<()> {
    for option in ["--strategy", "--input", "--slopes", "--upstream", "--output-dir"] {
        let output = assert_cmd::Command::cargo_bin("prelu-mem")?.arg("apply").output()?;
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8(output.stderr)?;
        assert!(message.contains(option), "{option} in {message}");
    }
    Ok(())
}

/// With a driver or without, there is no such device.
#[test]
fn cuda_never_runs_on_the_cpu_instead() -> Result<()> {
    refused(&good()?, &["--device", "cuda:99"], 1, &["--device cuda:99", "CUDA"])
}

#[test]
fn output_folders_that_cannot_be_used() -> Result<()> {
    let case = good()?;
    let nowhere = case.path("no/out");
    refused(&case, &["--output-dir", &nowhere], 2, &["--output-dir", "there is no folder", "no"])?;
    refused(&case, &["--output-dir", ""], 2, &["--output-dir"])?;
    let taken = case.path("x.npy");
    refused(&case, &["--output-dir", &taken], 2, &["--output-dir", "is not a folder"])?;
    let report = case.path("no/report.json");
    refused(&case, &["--output", &report], 2, &["--output", "no folder"])?;

    let occupied = case.path("occupied");
    fs::create_dir_all(format!("{occupied}/dx.npy"))?;
    refused(&case, &["--output-dir", &occupied], 2, &["dx.npy in it is a folder"])
}

/// A refused run changes nothing in a folder that holds older results.
#[test]
fn older_results_survive_a_refused_run() -> Result<()> {
    let case = good()?;
    let done = case.run("bitmask", &[])?;
    let before = done.files()?;
    fs::write(case.path("bad.npy"), "no array")?;
    refused(&case, &["--upstream", &case.path("bad.npy")], 2, &["is not a .npy file"])?;
    assert!(done.files()? == before);
    assert_eq!(done.names()?, ["da.npy", "dx.npy", "y.npy"]);
    Ok(())
}

/// A disk that fills up, played by a limit on the size of a file.
#[cfg(unix)]
#[test]
fn a_write_that_fails_leaves_nothing_behind() -> Result<()> {
    let case = Case::new(&[4, 64, 300], &[0.25; 64])?;
    case.write()?;
    let before = case.names()?;
    let program = assert_cmd::cargo::cargo_bin("prelu-mem");
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["apply", "--strategy", "bitmask"])
        .args(["--input", &case.path("x.npy"), "--slopes", &case.path("a.npy")])
        .args(["--upstream", &case.path("g.npy"), "--output-dir", &case.path("out")])
        .output()?;
    let message = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write y.npy"), "{message}");
    assert_eq!(case.names()?, before);
    Ok(())
}
