"""The annotations hold, also for whoever uses the package."""

import pathlib
import subprocess
import sys

PACKAGE = pathlib.Path(__file__).parent.parent
USER = """
import numpy as np
import torch
import prelu_mem
from prelu_mem.torch import PReLU, convert, examine

layer: torch.nn.Module = PReLU(3, 0.25, strategy="adaptive", inplace=False)
model: torch.nn.Module = convert(torch.nn.Sequential(layer))
names: list[str] = [finding.name for finding in examine(model)]
saved: prelu_mem.Saved = prelu_mem.forward_(np.zeros((2, 3), dtype=np.float32), 0.25)
size: int = saved.nbytes
"""


def mypy(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(PACKAGE / "pyproject.toml"), *arguments],
        cwd=PACKAGE, text=True, stdout=-1, stderr=-2, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_package_and_user(tmp_path):
    program = tmp_path / "user.py"
    program.write_text(USER)
    mypy("-p", "prelu_mem")
    mypy(str(program))


def test_the_package_says_that_it_is_typed():
    import prelu_mem

    folder = pathlib.Path(prelu_mem.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_native.pyi").exists()
