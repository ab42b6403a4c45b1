"""The JSON record: all samples, and all that they depend on. docs/peers.md has the schema."""

import json
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import summary
import tensors
from install import ROOT


def machine():
    """What the samples were taken on."""
    def first(path, key):
        lines = Path(path).read_text().splitlines() if Path(path).exists() else []
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)

    pages = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    kibibytes = first("/proc/meminfo", "MemTotal")
    return {
        "cpu": first("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "flags": sorted(flag for flag in (first("/proc/cpuinfo", "flags") or "").split()
                        if flag.startswith(("avx", "fma"))),
        "memory_bytes": int(kibibytes.split()[0]) * 1024 if kibibytes else None,
        "os": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "transparent_huge_pages": pages.read_text().strip() if pages.exists() else None,
    }


def commit():
    """The commit that was measured, and whether anything differed from it."""
    def git(*words):
        done = subprocess.run(["git", *words], cwd=ROOT, text=True, capture_output=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    changes = git("status", "--porcelain", "--", "crates", "benches/peers", "Cargo.lock")
    return {"id": git("rev-parse", "HEAD"), "changed": None if changes is None else bool(changes)}


def build(runs, peers, installed, comparison, options, load):
    """The record as an object."""
    def peer_record(peer):
        made = installed.get(peer.kind)
        return {
            "name": peer.name,
            "version": made and made.version,
            "reported_version": comparison.reported.get(peer.name),
            "build": made and made.build,
            "allocator": peer.allocator,
            "environment": peer.environment("THREADS"),
            "upstream_gradient": peer.upstream,
            "every": peer.every,
            "goal": peer.goal and {"least_ratio": peer.goal.ratio, "text": peer.goal.text},
            "failure": comparison.failures.get(peer.name),
        }

    def run_record(run):
        return {
            "network": run.network.name,
            "batch": run.network.batch,
            "signs": run.signs,
            "threads": run.threads,
            "others": {"busy": run.others.busy, "stolen": run.others.stolen},
            "layers": [
                {"repeat": layers.repeat, "shape": list(layers.shape), "samples": {
                    name: {"forward": [sample[0] for sample in taken], "backward": [sample[1] for sample in taken]}
                    for name, taken in samples.items()}}
                for layers, samples in zip(run.network.layers, run.layers)
            ],
            "rows": [row.as_record() for row in summary.rows(run, peers, options.reference)],
        }

    return {
        "schema": 1,
        "record": "peers",
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine() | {"load_before": load, "load_after": os.getloadavg()},
        "settings": {
            "dtype": "f32", "axis": 1, "slopes": f"uniform in {list(tensors.SLOPES)}, one per channel",
            "seed": tensors.SEED, "rounds": options.rounds, "warmup": options.warmup,
            "pause_seconds": options.pause, "reference": options.reference,
        },
        "peers": [peer_record(peer) for peer in peers],
        "runs": [run_record(run) for run in runs],
    }


def write(record, path):
    """Writes the record whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.replace(path)
