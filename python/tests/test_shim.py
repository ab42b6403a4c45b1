"""Addresses and a stream through the CUDA side, on the project's driver for CPUs where it was built."""

import os
import pathlib
import subprocess
import sys

import pytest

SHIM = os.environ.get("PRELU_MEM_SHIM")


@pytest.mark.skipif(not SHIM, reason="SKIPPED: PRELU_MEM_SHIM does not name the folder of crates/cuda-shim's libcuda.so.1")
def test_the_same_as_on_the_cpu():
    worker = pathlib.Path(__file__).parent / "shim_worker.py"
    environment = {**os.environ, "LD_LIBRARY_PATH": SHIM}
    done = subprocess.run(
        [sys.executable, worker], env=environment, text=True, stdout=-1, stderr=-2, timeout=400, check=False
    )
    assert done.returncode == 0 and "15 steps on" in done.stdout, done.stdout
