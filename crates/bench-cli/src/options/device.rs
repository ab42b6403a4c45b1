//! `--device cpu|cuda|cuda:I`.

use std::fmt;
use std::str::FromStr;

use prelu_mem_core::{Cpu, Error};
use prelu_mem_cuda::Cuda;

use super::threads;
use crate::device::Opened;
use crate::failure::Failure;

/// Where a run takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceName {
    /// The processor.
    Cpu,
    /// The CUDA device with this index.
    Cuda(usize),
}

impl DeviceName {
    /// The processor with this many threads or one for each of its cores, or an error that says what CUDA lacks: never
    /// one device for another.
    pub(crate) fn open(self, threads: Option<usize>) -> Result<Opened, Failure> {
        match (self, threads) {
            (DeviceName::Cpu, threads) => processor(threads).map(Opened::Cpu),
            (DeviceName::Cuda(_), Some(threads)) => Err(Failure::Usage(format!(
                "--threads {threads}: threads are the processor's, and --device {self} has none to choose; leave the option out, or give --device cpu"
            ))),
            (DeviceName::Cuda(index), None) => match Cuda::open(index) {
                Ok(cuda) => Ok(Opened::Cuda(cuda)),
                Err(error) => Err(Failure::Run(format!("--device {self}: {error}"))),
            },
        }
    }
}

impl DeviceName {
    /// The index of a CUDA device.
    pub(crate) fn cuda(self) -> Option<usize> {
        match self {
            DeviceName::Cpu => None,
            DeviceName::Cuda(index) => Some(index),
        }
    }
}

/// The processor with this many threads, or one for each of its cores.
pub(crate) fn processor(threads: Option<usize>) -> Result<Cpu, Failure> {
    match Cpu::new(threads::or_all(threads)) {
        Err(error @ Error::Simd { .. }) => Err(Failure::Usage(error.to_string())),
        other => Ok(other?),
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = match text.split_once(':') {
            None if text == "cpu" => Some(DeviceName::Cpu),
            None if text == "cuda" => Some(DeviceName::Cuda(0)),
            // i32 is what the driver counts devices in.
            Some(("cuda", index)) => index
                .parse::<i32>()
                .ok()
                .and_then(|i| usize::try_from(i).ok())
                .map(DeviceName::Cuda),
            _ => None,
        };
        name.ok_or_else(|| {
            "accepted are cpu, cuda and cuda:I with a device number I, such as cuda:1".to_owned()
        })
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceName::Cpu => f.write_str("cpu"),
            DeviceName::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        for (text, device) in [
            ("cpu", DeviceName::Cpu),
            ("cuda", DeviceName::Cuda(0)),
            ("cuda:0", DeviceName::Cuda(0)),
            ("cuda:12", DeviceName::Cuda(12)),
        ] {
            assert_eq!(text.parse(), Ok(device));
        }
        for text in [
            "",
            "gpu",
            "cpu:0",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "cuda:1:2",
            "CUDA",
            "cuda:99999999999",
        ] {
            let error = text.parse::<DeviceName>().expect_err(text);
            assert!(error.contains("cuda:I"), "{error}");
        }
    }
}
