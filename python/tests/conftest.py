"""What all tests share."""

import os
import pathlib
import sys
import tempfile

# Graphs that were compiled for another version of the operators are none for this one.
CACHE = tempfile.TemporaryDirectory(prefix="prelu-mem-inductor-", ignore_cleanup_errors=True)
os.environ["TORCHINDUCTOR_CACHE_DIR"] = CACHE.name
# A pool of compiling processes takes longer to start than these graphs take to compile.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

import pytest  # noqa: E402
import torch  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parent))


if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 15):
    # README.md tells users of older releases the same.
    import torch._dynamo

    torch._dynamo.config.capture_dynamic_output_shape_ops = True


@pytest.fixture(autouse=True)
def reproducible():
    torch.manual_seed(0)
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    # Graphs that PyTorch 2.4 compiles are linked so that loading one flushes subnormal numbers from then on.
    torch.set_flush_denormal(False)
