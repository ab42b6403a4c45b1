"""DistributedDataParallel and FSDP2 over local processes, against the stock layer in one process."""

import os
import pathlib
import subprocess
import sys

import pytest
import torch
import torch.distributed.fsdp

HERE = pathlib.Path(__file__).parent
# On the CPU, PyTorch 2.6 itself ends in "'Stream' object has no attribute 'record_event'", before any layer runs.
FSDP2 = pytest.mark.skipif(
    not hasattr(torch.distributed.fsdp, "fully_shard") or torch.__version__.startswith("2.6."),
    reason="SKIPPED: PyTorch has no fully_shard here that runs on the CPU: 2.8 and newer have",
)


def launch(processes, *command):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*torchrun, *map(str, command)], env=environment, timeout=400, check=False, text=True, stdout=-1, stderr=-2
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("kind", ["ddp", pytest.param("fsdp", marks=FSDP2)])
def test_gradients(kind, processes):
    accumulate = "accumulate" if processes == 2 else "once"
    assert f"{kind} over {processes} processes: same" in launch(processes, HERE / "distributed_worker.py", kind, accumulate)


@pytest.mark.parametrize("options", [[], pytest.param(["--fsdp"], marks=FSDP2)])
def test_the_example(options):
    text = launch(2, HERE.parent / "examples" / "ddp.py", "--steps", "6", *options)
    losses = [float(line.split()[-1]) for line in text.splitlines() if line.startswith("step")]
    assert len(losses) == 6 and losses[-1] < losses[0]
    assert "the same parameters in all: yes" in text
