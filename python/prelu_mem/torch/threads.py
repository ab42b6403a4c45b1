"""PyTorch's own threads for the loops.

Its OpenMP threads stay awake for a while after each loop. A second set of threads would have to be woken for
every layer, and beside the awake ones there is no free core to run on: measured, a pass of one millisecond then
took up to four. So the loops run on PyTorch's, where its library has GNU's entry point, and on threads of
their own elsewhere.
"""

from __future__ import annotations

import ctypes
import pathlib

import torch

from prelu_mem import _native


def _gomp_parallel() -> int:
    """The address of ``GOMP_parallel`` in the OpenMP library that PyTorch works with; 0 where there is none."""
    for library in sorted((pathlib.Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*")):
        try:
            # Loaded already; a name is looked up in what the library itself depends on.
            function = ctypes.CDLL(str(library)).GOMP_parallel
        except (OSError, AttributeError):
            continue
        return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0


def lend() -> bool:
    """Lends them to the loops; whether there are any."""
    address = _gomp_parallel()
    _native.lend_threads(address)
    return address != 0
