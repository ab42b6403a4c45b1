//! CPU backends by number of threads.

use std::collections::HashMap;
use std::process;
use std::sync::{Mutex, PoisonError};

use prelu_mem_core::Cpu;

use crate::errors::Failure;

/// By process and number of threads: threads do not outlive a fork.
static BACKENDS: Mutex<Option<HashMap<(u32, usize), Cpu>>> = Mutex::new(None);

/// The backend with so many threads, made at its first use in this process.
pub(crate) fn cpu(threads: usize) -> Result<Cpu, Failure> {
    let mut backends = BACKENDS.lock().unwrap_or_else(PoisonError::into_inner);
    let backends = backends.get_or_insert_with(HashMap::new);
    let key = (process::id(), threads);
    if let Some(cpu) = backends.get(&key) {
        return Ok(cpu.clone());
    }
    let cpu = Cpu::new(threads)?;
    backends.insert(key, cpu.clone());
    Ok(cpu)
}
