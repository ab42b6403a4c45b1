//! The machine that a record was made on.

use serde::{Deserialize, Serialize};

use crate::record::sound::{Sound, Wrong, name, text};

/// What every record says about the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// The SIMD level that the loops use.
    pub simd: String,
    /// The whole main memory.
    pub memory_bytes: u64,
    /// Name and version of the operating system.
    pub os: String,
    /// The CUDA device used, or the first one; null without one.
    pub gpu: Option<Gpu>,
}

/// One CUDA device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    /// As in `--device cuda:I`.
    pub index: usize,
    /// The device's name.
    pub name: String,
    /// Its whole memory.
    pub memory_bytes: u64,
    /// What its hardware can do, such as 9.0.
    pub compute_capability: String,
    /// The newest CUDA version that the driver supports.
    pub cuda: String,
}

impl Machine {
    /// The name of its folder of records.
    pub fn slug(&self) -> String {
        slug_of(&self.cpu, self.cores, self.gpu.as_ref().map(|gpu| gpu.name.as_str()))
    }
}

/// A machine's name as a folder: processor, cores and GPU.
pub fn slug_of(cpu: &str, cores: usize, gpu: Option<&str>) -> String {
    let gpu = gpu.map(|name| format!(" {name}")).unwrap_or_default();
    slug(&format!("{cpu} {cores} cores{gpu}"))
}

impl Sound for Machine {
    fn sound(&self) -> Result<(), Wrong> {
        name("machine.cpu", &self.cpu)?;
        text("machine.simd", &self.simd)?;
        text("machine.os", &self.os)?;
        match &self.gpu {
            Some(gpu) => [&gpu.name, &gpu.compute_capability, &gpu.cuda]
                .into_iter()
                .try_for_each(|value| text("machine.gpu", value)),
            None => Ok(()),
        }
    }
}

/// Words as part of a file's name: lower-case letters, digits and hyphens, 60 of them at most.
pub fn slug(words: &str) -> String {
    let mut slug = String::new();
    for c in words.to_lowercase().replace("(r)", " ").replace("(tm)", " ").chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(60);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("AMD EPYC"), "amd-epyc");
        assert_eq!(slug("Intel(R) Core(TM) i7 @ 2.20GHz "), "intel-core-i7-2-20ghz");
        assert_eq!((slug("../.."), slug("0.1,-0.2")), (String::new(), "0-1-0-2".to_owned()));
    }

    #[test]
    fn machines_are_called_after_what_tells_them_apart() {
        assert_eq!(slug_of("AMD EPYC", 2, None), "amd-epyc-2-cores");
        assert_eq!(slug_of("x", 16, Some("NVIDIA H100")), "x-16-cores-nvidia-h100");
    }
}
