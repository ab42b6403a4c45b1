//! CPU backends by number of threads.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prelu_mem_core::Cpu;
use prelu_mem_core::cpu::Team;

use crate::errors::Failure;
use crate::openmp::OpenMp;

/// Process, number of threads and whether they are lent: threads do not outlive a fork.
type Key = (u32, usize, bool);

static BACKENDS: Mutex<Option<HashMap<Key, Cpu>>> = Mutex::new(None);

static TEAM: OnceLock<Arc<dyn Team>> = OnceLock::new();

/// Bytes to move from which on lent threads help: they are awake, as a framework's are between two layers.
const LENT_FROM: usize = 512 << 10;

/// Takes the threads that [`Threads::lent`] means from the OpenMP library with this function; the first one stays.
///
/// # Safety
/// `address` is `GOMP_parallel`'s, in a library that stays loaded, or 0.
pub(crate) unsafe fn lend(address: usize) {
    // SAFETY: by the caller's word.
    if let Some(team) = unsafe { OpenMp::at(address) } {
        TEAM.get_or_init(|| Arc::new(team));
    }
}

/// Threads to work with.
#[derive(Clone, Copy)]
pub(crate) struct Threads {
    pub(crate) count: usize,
    /// The framework's own, where it has lent them.
    pub(crate) lent: bool,
}

/// The backend with these threads, made at its first use in this process.
pub(crate) fn cpu(threads: Threads) -> Result<Cpu, Failure> {
    let team = TEAM.get().filter(|_| threads.lent);
    let mut backends = BACKENDS.lock().unwrap_or_else(PoisonError::into_inner);
    let backends = backends.get_or_insert_with(HashMap::new);
    let key = (process::id(), threads.count, team.is_some());
    if let Some(cpu) = backends.get(&key) {
        return Ok(cpu.clone());
    }
    let cpu = match (team, NonZeroUsize::new(threads.count)) {
        (Some(team), Some(count)) => {
            Cpu::new(1)?.on_team(count, Arc::clone(team)).sharing_from(LENT_FROM)
        }
        _ => Cpu::new(threads.count)?,
    };
    backends.insert(key, cpu.clone());
    Ok(cpu)
}
