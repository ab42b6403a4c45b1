//! The files that `apply` writes, held against the processor's.

use std::fs::{self, File};
use std::path::Path;

use half::f16;
use npyz::{AutoSerialize, Deserialize, WriterBuilder};
use serde_json::Value;
use tempfile::TempDir;

use super::program::{Outcome, STRATEGIES, json};

fn write<T: AutoSerialize + Copy>(
    folder: &Path,
    name: &str,
    shape: &[u64],
    values: &[T],
) -> Outcome {
    let file = File::create(folder.join(name))?;
    let mut npy = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd()?;
    npy.extend(values.iter().copied())?;
    Ok(npy.finish()?)
}

/// Every special value, on both branches, and plain ones.
fn value(index: usize) -> f64 {
    match index % 23 {
        0 => 0.0,
        1 => -0.0,
        2 => f64::NAN,
        3 => f64::INFINITY,
        4 => f64::NEG_INFINITY,
        5 => 1e-7,
        6 => -1e-7,
        n => (n as f64 - 14.5) * 0.37 * ((index % 7) as f64 + 0.5),
    }
}

/// Writes x, a and g to `folder` and runs `apply` on one device into a folder of its name.
fn apply(folder: &Path, device: &str, strategy: &str) -> Outcome<Value> {
    let path = |name: &str| folder.join(name).display().to_string();
    let (x, a, g, out) = (path("x.npy"), path("a.npy"), path("g.npy"), path(device));
    json(
        &[],
        &[
            "apply",
            "--device",
            device,
            "--strategy",
            strategy,
            "--input",
            &x,
            "--slopes",
            &a,
            "--upstream",
            &g,
            "--output-dir",
            &out,
        ],
    )
}

pub(crate) fn arrays<T: AutoSerialize + Copy>(folder: &Path, element: fn(f64) -> T) -> Outcome {
    let elements =
        |offset: usize| (0..3 * 5 * 77).map(|i| element(value(i + offset))).collect::<Vec<_>>();
    let slopes = [0.3, -0.7, 0.0, 1e-4, 1.5].map(element);
    write(folder, "x.npy", &[3, 5, 77], &elements(0))?;
    write(folder, "g.npy", &[3, 5, 77], &elements(11))?;
    write(folder, "a.npy", &[5], &slopes)
}

/// The bits of every element, in f64, of which each holds any of the types; one pattern for every NaN, which the
/// processor and a GPU make in patterns of their own.
fn bits<T: Deserialize + Into<f64>>(path: &Path) -> Outcome<Vec<u64>> {
    let bytes = fs::read(path)?;
    let values: Vec<T> = npyz::NpyFile::new(&bytes[..])?.into_vec()?;
    let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    Ok(values.into_iter().map(|value| bits(value.into())).collect())
}

/// How arrays of one type are written, and read back.
type Kind = (fn(&Path) -> Outcome, fn(&Path) -> Outcome<Vec<u64>>);

#[test]
fn apply_writes_the_files_that_the_processor_writes() -> Outcome {
    let kinds: [Kind; 3] = [
        (|folder| arrays(folder, f16::from_f64), bits::<f16>),
        (|folder| arrays(folder, |value| value as f32), bits::<f32>),
        (|folder| arrays(folder, |value| value), bits::<f64>),
    ];
    for (fill, read) in kinds {
        let folder = TempDir::new()?;
        fill(folder.path())?;
        for strategy in STRATEGIES {
            let on = |device| apply(folder.path(), device, strategy);
            let (on_cpu, on_cuda) = (on("cpu")?, on("cuda")?);
            for key in ["saved_bytes", "lent_bytes", "allocated_bytes", "channels", "needs_output"]
            {
                assert_eq!(on_cpu[key], on_cuda[key], "{strategy} {key}");
            }
            for name in ["y.npy", "dx.npy"] {
                let [cpu, cuda] =
                    ["cpu", "cuda"].map(|device| folder.path().join(device).join(name));
                let (expected, found) = (read(&cpu)?, read(&cuda)?);
                assert_eq!(expected.len(), 3 * 5 * 77);
                assert!(expected == found, "{strategy} {name}");
            }
        }
    }
    Ok(())
}

#[test]
fn slope_gradients_of_apply_are_the_processors_to_rounding() -> Outcome {
    let folder = TempDir::new()?;
    let finite = |offset: usize| -> Vec<f64> {
        (0..4 * 3 * 500).map(|i| ((i + offset) * 37 % 101) as f64 / 50.0 - 1.0).collect()
    };
    write(folder.path(), "x.npy", &[4, 3, 500], &finite(0))?;
    write(folder.path(), "g.npy", &[4, 3, 500], &finite(29))?;
    write(folder.path(), "a.npy", &[3], &[0.3, -0.7, 0.0])?;
    for strategy in STRATEGIES {
        apply(folder.path(), "cpu", strategy)?;
        apply(folder.path(), "cuda", strategy)?;
        let read = |device: &str| -> Outcome<Vec<f64>> {
            let bytes = fs::read(folder.path().join(device).join("da.npy"))?;
            Ok(npyz::NpyFile::new(&bytes[..])?.into_vec()?)
        };
        for (cpu, cuda) in read("cpu")?.into_iter().zip(read("cuda")?) {
            // Both are sums of 1000 rounded products of about 1, in another order, in more than 100 bits.
            assert!((cpu - cuda).abs() <= 1e-11 && cpu != 0.0, "{strategy}: {cpu} and {cuda}");
        }
    }
    Ok(())
}
