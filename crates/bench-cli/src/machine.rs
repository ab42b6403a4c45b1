//! The machine a run takes place on.

use prelu_mem_core::cpu::Level;
use prelu_mem_cuda::{CudaError, DeviceInfo};
use prelu_mem_report::machine::{Gpu, Machine};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::failure::Failure;

/// Asks the operating system, and the CUDA driver for the device of index `gpu` or the first one.
pub(crate) fn ask(gpu: Option<usize>) -> Result<Machine, Failure> {
    let simd = Level::from_environment().map_err(|error| Failure::Usage(error.to_string()))?;
    let mut system = system()?;
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let cpu = system.cpus().first().map(|cpu| cpu.brand().trim()).filter(|brand| !brand.is_empty());
    Ok(Machine {
        cpu: cpu.map_or_else(System::cpu_arch, str::to_owned),
        cores: system.cpus().len(),
        simd: simd.name().to_owned(),
        memory_bytes: system.total_memory(),
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.to_owned()),
        gpu: cuda()
            .ok()
            .and_then(|driver| driver.devices.into_iter().nth(gpu.unwrap_or(0)))
            .map(|(gpu, _)| gpu),
    })
}

/// The CUDA driver and its devices.
#[derive(Debug, Clone)]
pub(crate) struct CudaDriver {
    /// The newest CUDA version that the driver supports.
    pub(crate) version: String,
    /// Its devices, each with the reason why it cannot be used, if there is one.
    pub(crate) devices: Vec<(Gpu, Option<String>)>,
}

/// The CUDA driver, or why there is none.
pub(crate) fn cuda() -> Result<CudaDriver, CudaError> {
    let driver = prelu_mem_cuda::probe()?;
    let version = driver.version.to_string();
    let describe = |device: &DeviceInfo| {
        let gpu = Gpu {
            index: device.index,
            name: device.name.clone(),
            memory_bytes: device.memory_bytes,
            compute_capability: device.compute_capability.to_string(),
            cuda: version.clone(),
        };
        (gpu, driver.supports(device).err().map(|error| error.to_string()))
    };
    Ok(CudaDriver { devices: driver.devices.iter().map(describe).collect(), version })
}

/// Bytes that a program may still allocate without pushing others out, within this process's limits.
pub(crate) fn free_memory() -> Result<u64, Failure> {
    let mut system = system()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    Ok(system.available_memory().min(limit))
}

/// Bytes of main memory that this process occupies now.
pub(crate) fn resident_memory() -> Result<u64, Failure> {
    let mut system = system()?;
    let id = sysinfo::get_current_pid().map_err(|error| unknown(&error))?;
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), false, what);
    system.process(id).map(sysinfo::Process::memory).ok_or_else(|| unknown(&"no such process"))
}

/// Gives memory that was freed back to the system, so that what is resident is what is in use.
pub(crate) fn return_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes a number, locks the allocator by itself, and touches freed memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn system() -> Result<System, Failure> {
    System::new().map_err(|error| unknown(&error))
}

fn unknown(error: &dyn std::fmt::Display) -> Failure {
    Failure::Run(format!("the operating system does not say what this machine is: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_processor_and_memory() -> Result<(), Failure> {
        let machine = ask(None)?;
        assert!(!machine.cpu.is_empty() && machine.cores >= 1, "{machine:?}");
        let free = free_memory()?;
        assert!(free > 0 && free <= machine.memory_bytes, "{free} of {machine:?}");
        Ok(())
    }

    #[test]
    fn resident_memory_grows_with_what_is_touched() -> Result<(), Failure> {
        // More than the tests beside this one give back meanwhile.
        const SIZE: usize = 256 << 20;
        let before = resident_memory()?;
        let touched = std::hint::black_box(vec![1_u8; SIZE]);
        let after = resident_memory()?;
        assert!(after >= before + SIZE as u64 / 2, "{before} -> {after}");
        drop(touched);
        Ok(())
    }
}
