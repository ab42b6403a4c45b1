"""What all tests share."""

import os
import pathlib
import sys

import pytest
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))


if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 15):
    # README.md tells users of older releases the same.
    import torch._dynamo

    torch._dynamo.config.capture_dynamic_output_shape_ops = True


@pytest.fixture(autouse=True)
def reproducible():
    torch.manual_seed(0)
    torch.set_num_threads(min(2, os.cpu_count() or 1))
