//! The network's rounds as JSON, where `PRELU_MEM_RECORD` names a file for them.

use std::process::Command;

use prelu_mem_burn::{Error, cpu};
use serde_json::{Value, json};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, System};

use crate::step::{Peer, Times};

/// Writes what was measured and where.
///
/// # Panics
/// Where the file cannot be written.
pub(crate) fn write<const N: usize>(batch: usize, peers: [Peer; N], rounds: &[[Times; N]]) {
    let Some(file) = std::env::var_os("PRELU_MEM_RECORD") else { return };
    let record = record(batch, peers, rounds).expect("the loops have just run");
    let text = format!("{record:#}\n");
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn record<const N: usize>(
    batch: usize,
    peers: [Peer; N],
    rounds: &[[Times; N]],
) -> Result<Value, Error> {
    let rows = peers.iter().enumerate().map(|(index, peer)| {
        let seconds = |of: fn(&Times) -> f64| -> Vec<f64> {
            rounds.iter().map(|round| of(&round[index])).collect()
        };
        json!({
            "peer": peer.name(),
            "forward_seconds": seconds(|times| times.forward.as_secs_f64()),
            "backward_seconds": seconds(|times| times.backward.as_secs_f64()),
        })
    });
    let system = System::new().ok().map(|mut system| {
        system.refresh_cpu_list(CpuRefreshKind::nothing());
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        system
    });
    let cpus = system.as_ref().map_or(&[][..], System::cpus);
    Ok(json!({
        "schema": 1,
        "record": "burn",
        "commit": commit(),
        "machine": {
            "cpu": cpus.first().map(|cpu| cpu.brand().trim()),
            "cores": cpus.len(),
            "simd": cpu()?.level().name(),
            "memory_bytes": system.as_ref().map(System::total_memory),
            "os": System::long_os_version().ok(),
        },
        "version": env!("CARGO_PKG_VERSION"),
        "settings": {
            "network": "iresnet50",
            "batch": batch,
            "dtype": "f32",
            "signs": "random",
            "slopes": [0.05, 0.45],
            "threads": rayon::current_num_threads(),
            "burn_simd": cfg!(feature = "simd"),
        },
        "rows": rows.collect::<Vec<_>>(),
    }))
}

/// Null outside of a git checkout.
fn commit() -> Option<Value> {
    let id = git(&["rev-parse", "HEAD"])?;
    let changed = !git(&["status", "--porcelain", "--", ":/crates", ":/Cargo.lock"])?.is_empty();
    Some(json!({ "id": id, "changed": changed }))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
