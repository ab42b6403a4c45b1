//! `info`.

use serde_json::{Value, json};

use crate::export::{Grid, Report};
use crate::failure::Failure;
use crate::machine::{self, Gpu, Machine};
use crate::options::threads;
use crate::units::mebibytes;

/// What this machine offers to a run.
pub(crate) struct Info {
    machine: Machine,
    threads: usize,
    free_bytes: u64,
    cuda: Result<Vec<Gpu>, String>,
}

impl Info {
    /// Asks the operating system and the CUDA driver.
    pub(crate) fn ask() -> Result<Self, Failure> {
        Ok(Self {
            machine: Machine::ask(None)?,
            threads: threads::or_all(None),
            free_bytes: machine::free_memory()?,
            cuda: machine::gpus().map_err(|error| error.to_string()),
        })
    }
}

impl Report for Info {
    fn json(&self) -> Value {
        json!({
            "schema": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "machine": self.machine,
            "threads": self.threads,
            "free_bytes": self.free_bytes,
            "cuda": match &self.cuda {
                Ok(devices) => json!({ "devices": devices }),
                Err(reason) => json!({ "missing": reason }),
            },
        })
    }

    fn records(&self) -> Grid {
        let mut grid = Grid::new("", &["what", "value"]);
        let machine = &self.machine;
        let mut say = |what: &str, value: String| grid.push(vec![what.to_owned(), value]);
        say("version", env!("CARGO_PKG_VERSION").to_owned());
        say("processor", machine.cpu.clone());
        say("cores", machine.cores.to_string());
        say("threads of a run", self.threads.to_string());
        say("SIMD level", machine.simd.to_owned());
        say("memory", format!("{} MiB", mebibytes(machine.memory_bytes)));
        say("free memory", format!("{} MiB", mebibytes(self.free_bytes)));
        say("operating system", machine.os.clone());
        match &self.cuda {
            Err(reason) => say("CUDA", format!("none: {reason}")),
            Ok(devices) if devices.is_empty() => say("CUDA", "a driver, but no device".to_owned()),
            Ok(devices) => {
                for device in devices {
                    say("CUDA", device_line(device));
                }
            }
        }
        grid
    }
}

fn device_line(device: &Gpu) -> String {
    format!(
        "cuda:{} {}, {} MiB, compute capability {}, driver for CUDA {}",
        device.index,
        device.name,
        mebibytes(device.memory_bytes),
        device.compute_capability,
        device.cuda,
    )
}
