//! Command lines that cannot be used: the exit status, and a message that names the value and what is accepted.

use std::fs;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;

fn prelu_mem() -> Command {
    cargo_bin_cmd!("prelu-mem")
}

/// Runs to failure with nothing on standard output; returns what standard error says.
fn refused(arguments: &[&str], status: i32) -> String {
    let output = prelu_mem().args(arguments).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?} wrote results");
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    stderr
}

fn assert_refused(arguments: &[&str], parts: &[&str]) {
    let stderr = refused(arguments, 2);
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: no '{part}' in: {stderr}");
    }
}

#[test]
fn bench_options_name_the_bad_value() {
    for (option, value, parts) in [
        (
            "--strategy",
            "bitmsk",
            &[
                "'bitmsk'",
                "full-copy",
                "int8-mask",
                "bitmask",
                "diff-stash",
                "output-sign",
                "adaptive",
                "similar",
            ][..],
        ),
        (
            "--network",
            "iresnet",
            &["iresnet:", "iresnet50", "mobilefacenet", "mtcnn-onet", ".toml"],
        ),
        ("--network", "no/such.toml", &["no/such.toml", "No such file"]),
        ("--shape", "0,4", &["'0,4'", "size 0"]),
        ("--shape", "1,2,x", &["'1,2,x'", "'x'", "32,64,56,56"]),
        ("--shape", "-1,2", &["'-1,2'", "'-1'"]),
        ("--shape", "", &["''"]),
        ("--shape", "1,1,1,1,1,1,1,1,1", &["9 sizes", "1 to 8"]),
        ("--shape", "4294967296,4294967296,4294967296", &["4294967296"]),
        ("--axis", "4", &["axis 4", "0 to 3"]),
        ("--axis", "-1", &["'-1'", "--axis", "0 to 7"]),
        ("--seed", "-1", &["'-1'", "--seed", "0 to"]),
        ("--axis", "x", &["'x'"]),
        ("--batch", "0", &["'0'", "1 or more"]),
        ("--batch", "-3", &["'-3'", "1 or more"]),
        ("--batch", "18446744073709551615", &["18446744073709551615"]),
        ("--threads", "0", &["'0'", "1 to 1024"]),
        ("--threads", "2000", &["'2000'", "1 to 1024"]),
        ("--wait-policy", "lazy", &["'lazy'", "passive", "active"]),
        ("--samples", "0", &["'0'", "1 to 10000"]),
        ("--steps", "0", &["'0'", "1 to 1000"]),
        ("--steps", "1001", &["'1001'", "1 to 1000"]),
        ("--slopes", "steep", &["steep"]),
        ("--slopes", "uniform:1", &["uniform:1"]),
        ("--slopes", "uniform:2,1", &["uniform:2,1"]),
        ("--slopes", "gaussian:0,-1", &["gaussian:0,-1"]),
        ("--dtype", "f8", &["'f8'", "f16", "bf16", "f32", "f64"]),
        ("--device", "gpu", &["'gpu'", "cpu", "cuda:I"]),
        ("--device", "cuda:x", &["'cuda:x'", "cuda:I"]),
        ("--gradients", "eternal", &["'eternal'", "resident", "transient"]),
        ("--hand-over", "throw", &["'throw'", "copy", "direct"]),
        ("--seed", "x", &["'x'"]),
        ("--format", "xml", &["'xml'", "table", "json", "csv", "markdown"]),
    ] {
        assert_refused(&["bench", option, value], parts);
    }
}

#[test]
fn slopes_have_the_length_of_the_axis() {
    let slopes = vec!["0.1"; 63].join(",");
    assert_refused(
        &["bench", "--shape", "2,64,3", "--slopes", &slopes],
        &["expected 64 slopes for axis 1, got 63"],
    );
    assert_refused(
        &["bench", "--shape", "2,64,3", "--axis", "2", "--slopes", &slopes],
        &["expected 3 slopes for axis 2, got 63"],
    );
    assert_refused(
        &["bench", "--shape", "2,64,3", "--shared-slope", "--slopes", "0.1,0.2"],
        &["expected 1 shared slope, got 2"],
    );
}

#[test]
fn options_that_exclude_each_other_are_named() {
    assert_refused(&["bench", "--shape", "2,3", "--network", "vnet"], &["--shape", "--network"]);
    assert_refused(&["bench", "--shape", "2,3", "--batch", "4"], &["--shape", "--batch"]);
    assert_refused(&["completions", "bash", "--format", "json"], &["--format"]);
}

#[test]
fn threads_that_stay_awake_need_a_core_each() {
    assert_refused(
        &["bench", "--shape", "2,3", "--threads", "1024", "--wait-policy", "active"],
        &["--wait-policy", "1024 threads", "1 to", "a core each"],
    );
}

#[test]
fn a_gpu_has_no_threads_that_wait() {
    assert_refused(
        &["bench", "--device", "cuda", "--wait-policy", "active"],
        &["--wait-policy", "--device cuda", "--device cpu"],
    );
}

#[test]
fn unknown_words_are_named() {
    assert_refused(&["bnch"], &["'bnch'", "bench"]);
    assert_refused(&["bench", "--speed"], &["--speed"]);
    assert_refused(&["bench", "extra"], &["'extra'"]);
    assert_refused(&["info", "extra"], &["'extra'"]);
    assert_refused(&["completions", "csh"], &["'csh'", "bash", "fish", "zsh"]);
    assert_refused(&["completions"], &["<SHELL>"]);
    assert_refused(&[], &["Usage:", "bench"]);
}

#[test]
fn an_axis_that_one_layer_lacks_is_refused() {
    // The last layer of mtcnn-onet has no spatial axis.
    let unused = ["bench", "--strategy", "bitmask", "--hand-over", "copy"];
    assert_refused(&unused, &["--hand-over copy", "diff-stash"]);
    assert_refused(&["bench", "--network", "mtcnn-onet", "--axis", "2"], &["axis 2", "256]"]);
}

#[test]
fn network_files_are_refused_with_the_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (text, parts) in [
        ("[[layer]]\nshape = [4, 0]\n", &["line 2", "size of 0"][..]),
        ("[[layer]]\nshape = [4, 5]\ndepth = 2\n", &["line 3", "depth"]),
        ("[[layer]]\nshape = [4, 5\n", &["line 2"]),
        ("[[layer]]\nshape = [9000000000000000000, 9]\n", &["line 2", "9000000000000000000"]),
        ("[[layer]]\nrepeat = 1000000000000\nshape = [4]\n", &["line 3", "10000"]),
        ("", &["layer"]),
    ] {
        let path = folder.path().join("net.toml");
        fs::write(&path, text).expect("a writable folder");
        let path = path.to_str().expect("UTF-8");
        let stderr = refused(&["bench", "--network", path], 2);
        for part in parts {
            assert!(stderr.contains(part) && stderr.contains("net.toml"), "{text:?}: {stderr}");
        }
    }
    let path = folder.path().join("bytes.toml");
    fs::write(&path, [0xff, 0xfe, 0x00]).expect("a writable folder");
    assert_refused(
        &["bench", "--network", path.to_str().expect("UTF-8")],
        &["bytes.toml", "UTF-8"],
    );
    let path = folder.path().join("folder.toml");
    fs::create_dir(&path).expect("a writable folder");
    assert_refused(&["bench", "--network", path.to_str().expect("UTF-8")], &["folder.toml"]);
}

#[test]
fn output_into_a_missing_folder_is_refused_before_the_work() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("missing").join("out.json");
    let file = file.to_str().expect("UTF-8");
    // The batch would be refused with status 1 if the work began.
    for command in [&["bench", "--batch", "1000000000"][..], &["info"], &["completions", "bash"]] {
        let arguments = [command, &["--output", file]].concat();
        assert_refused(&arguments, &["missing", "there is no folder"]);
    }
    let folder = folder.path().to_str().expect("UTF-8");
    assert_refused(&["info", "--output", folder], &["names a folder"]);
}

#[test]
fn cuda_is_used_or_refused_but_never_replaced() {
    let output = prelu_mem()
        .args(["bench", "--shape", "2,3", "--device", "cuda", "--samples", "1", "--format", "json"])
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(value["settings"]["device"], "cuda:0");
    } else {
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("--device cuda:0") && output.stdout.is_empty(), "{stderr}");
        assert!(stderr.contains("use `cpu`"), "{stderr}");
    }
}

#[test]
fn an_unknown_simd_level_is_refused() {
    let output = prelu_mem()
        .env("PRELU_MEM_SIMD", "mmx")
        .args(["bench", "--shape", "2,3"])
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("'mmx'") && stderr.contains("portable"), "{stderr}");
}
