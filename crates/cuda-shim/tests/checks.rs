//! The shim finds out what it is there to find out, and nothing else.
#![cfg(unix)]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

fn run(check: &str) -> Output {
    let program = prelu_mem_cuda_shim::checks().expect("made on Unix");
    Command::new(program).arg(check).output().expect("the program starts")
}

fn ends_well(check: &str) {
    let output = run(check);
    assert!(output.status.success(), "{check}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The process has to abort with a message that holds each of `parts`.
fn is_found_out(check: &str, parts: &[&str]) {
    let output = run(check);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "{check}: {} {message}", output.status);
    for part in parts {
        assert!(message.contains(part), "{check}: '{part}' is missing: {message}");
    }
}

#[test]
fn barriers_and_exchanges_do_what_a_gpu_does() {
    for check in ["reverse", "leftover", "warps", "half_a_warp"] {
        ends_well(check);
    }
}

#[test]
fn a_missing_barrier_shows() {
    is_found_out("reverse_without_barrier", &["value"]);
}

#[test]
fn barriers_that_some_threads_never_reach_are_found() {
    is_found_out(
        "barrier_after_a_return",
        &["from thread 200: returned", "from thread 201: barrier"],
    );
    is_found_out("two_barriers", &["from thread 128: barrier", "checks.cpp:"]);
}

#[test]
fn exchanges_that_a_lane_never_joins_are_found() {
    is_found_out("shuffle_without_a_lane", &["from thread 37: returned", "exchange in a warp"]);
    is_found_out("lane_outside_of_its_mask", &["is not in its own mask 0000ffff"]);
}

#[test]
fn writes_beside_memory_are_found() {
    is_found_out("beyond_shared", &["outside of a shared array", "kernel beyond_shared"]);
    is_found_out("beyond_memory", &["behind the allocation of 37888 bytes"]);
    is_found_out("before_memory", &["before the allocation of 37888 bytes"]);
    is_found_out("freed_memory", &["after it was freed"]);
}

#[test]
fn a_misaligned_access_is_found() {
    is_found_out("misaligned", &["not a multiple of 16"]);
}
