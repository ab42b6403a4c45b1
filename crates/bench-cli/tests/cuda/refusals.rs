//! Devices that cannot be used, and too little memory: exit status and message.

use std::path::Path;

use tempfile::TempDir;

use super::apply::arrays;
use super::program::{Done, Outcome, SHIM, refused, run};

/// A command line of each command that takes a device.
fn commands(folder: &Path) -> Outcome<[Vec<String>; 3]> {
    arrays(folder, |value| value as f32)?;
    let path = |name: &str| folder.join(name).display().to_string();
    let apply = [
        "apply",
        "--strategy",
        "bitmask",
        "--input",
        &path("x.npy"),
        "--slopes",
        &path("a.npy"),
        "--upstream",
        &path("g.npy"),
        "--output-dir",
        &path("out"),
    ];
    Ok([
        ["bench", "--shape", "2,3", "--samples", "1"].map(str::to_owned).to_vec(),
        ["check"].map(str::to_owned).to_vec(),
        apply.map(str::to_owned).to_vec(),
    ])
}

#[test]
fn devices_that_cannot_be_used_are_refused_by_every_command() -> Outcome {
    let folder = TempDir::new()?;
    for command in commands(folder.path())? {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let on = |device| [&command[..], &["--device", device]].concat();
        refused(&[], &on("cuda:7"), 1, &["--device cuda:7", "no CUDA device 7", "has 1"])?;
        let old = [("PRELU_MEM_SHIM_CAPABILITY", "7.0")];
        refused(&old, &on("cuda"), 1, &["--device cuda:0", SHIM, "7.0", "7.5 or newer"])?;
        let none = [("PRELU_MEM_SHIM_DEVICES", "0")];
        refused(&none, &on("cuda"), 1, &["--device cuda:0", "shows no device"])?;
        let threads = [&on("cuda")[..], &["--threads", "2"]].concat();
        refused(&[], &threads, 2, &["--threads 2", "--device cuda:0"])?;
        assert!(!folder.path().join("out").exists(), "apply writes nothing");
    }
    Ok(())
}

#[test]
fn too_little_device_memory_names_the_batch_that_fits() -> Outcome {
    let bench = [
        "bench",
        "--device",
        "cuda",
        "--samples",
        "1",
        "--network",
        "mtcnn-onet",
        "--strategy",
        "full-copy",
    ];
    let batch = |batch: &'static str| [&bench[..], &["--batch", batch]].concat();
    let memory = [("PRELU_MEM_SHIM_MEMORY", "140000000")];
    let message = refused(&memory, &batch("100000"), 1, &["MiB of device memory", "MiB are free"])?;
    let fits = message.trim().rsplit(' ').next().ok_or("a batch")?;
    let fits: usize = fits.parse().map_err(|_| format!("a batch at the end of {message}"))?;
    assert!((1..100).contains(&fits), "{message}");
    let with = |batch: usize| -> Outcome<Done> {
        run(&memory, &[&bench[..], &["--batch", &batch.to_string()]].concat())
    };
    let done = with(fits)?;
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(with(fits + 1)?.status, Some(1));

    let tiny = [("PRELU_MEM_SHIM_MEMORY", "1000000")];
    refused(&tiny, &batch("2"), 1, &["not even a batch of 1 fits"])?;
    let shape = ["bench", "--device", "cuda", "--shape", "1000000", "--axis", "0"];
    refused(&tiny, &shape, 1, &["give a smaller shape"])?;
    Ok(())
}

#[test]
fn apply_out_of_memory_says_so_and_writes_nothing() -> Outcome {
    let folder = TempDir::new()?;
    let [_, _, apply] = commands(folder.path())?;
    let apply: Vec<&str> = apply.iter().map(String::as_str).collect();
    // Each of the arrays is 4620 bytes.
    let memory = [("PRELU_MEM_SHIM_MEMORY", "5000")];
    refused(
        &memory,
        &[&apply[..], &["--device", "cuda"]].concat(),
        1,
        &["bitmask: out of memory", "bytes were refused", "are free"],
    )?;
    assert!(!folder.path().join("out").exists(), "nothing is written");
    Ok(())
}
