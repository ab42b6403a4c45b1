//! `info`.

use serde_json::{Value, json};

use crate::export::{Grid, Report};
use crate::failure::Failure;
use crate::machine::{self, CudaDriver};
use crate::options::threads;
use crate::units::mebibytes;
use prelu_mem_report::machine::{Gpu, Machine};

/// What this machine offers to a run.
pub(crate) struct Info {
    machine: Machine,
    threads: usize,
    free_bytes: u64,
    cuda: Result<CudaDriver, String>,
}

impl Info {
    /// Asks the operating system and the CUDA driver.
    pub(crate) fn ask() -> Result<Self, Failure> {
        Ok(Self {
            machine: machine::ask(None)?,
            threads: threads::or_all(None),
            free_bytes: machine::free_memory()?,
            cuda: machine::cuda().map_err(|error| error.to_string()),
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
                Ok(driver) => json!({
                    "driver": driver.version,
                    "kernels": prelu_mem_cuda::KERNELS,
                    "devices": driver.devices.iter().map(device_json).collect::<Vec<_>>(),
                }),
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
        say("SIMD level", machine.simd.clone());
        say("memory", format!("{} MiB", mebibytes(machine.memory_bytes)));
        say("free memory", format!("{} MiB", mebibytes(self.free_bytes)));
        say("operating system", machine.os.clone());
        match &self.cuda {
            Err(reason) => say("CUDA", format!("none: {reason}")),
            Ok(driver) => {
                say("CUDA", format!("driver for CUDA {} and older", driver.version));
                say("CUDA kernels", prelu_mem_cuda::KERNELS.to_owned());
                if driver.devices.is_empty() {
                    say("CUDA devices", "none".to_owned());
                }
                for (device, refused) in &driver.devices {
                    say(&format!("cuda:{}", device.index), device_line(device, refused.as_deref()));
                }
            }
        }
        grid
    }
}

fn device_json((device, refused): &(Gpu, Option<String>)) -> Value {
    json!({
        "index": device.index,
        "name": device.name,
        "memory_bytes": device.memory_bytes,
        "compute_capability": device.compute_capability,
        "usable": refused.is_none(),
        "refused": refused,
    })
}

fn device_line(device: &Gpu, refused: Option<&str>) -> String {
    let Gpu { name, compute_capability, .. } = device;
    let memory = mebibytes(device.memory_bytes);
    let usable =
        refused.map_or("can be used".to_owned(), |reason| format!("cannot be used: {reason}"));
    format!("{name}, {memory} MiB, compute capability {compute_capability}; {usable}")
}
