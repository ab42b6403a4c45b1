"""Slopes on the host, where channels are classified.

On the CPU they are there already: the engine compares their values with those it has planned for, so that it
plans once per set of values, whoever wrote them. From a GPU they are copied once per version of the parameter.
"""

from __future__ import annotations

import weakref

import torch
from torch import Tensor

#: By a parameter's id: the parameter, its address and version, and its values on the CPU.
_MIRRORS: dict[int, tuple[weakref.ref[Tensor], tuple[int, int], Tensor]] = {}


def on_host(slopes: Tensor, dtype: torch.dtype) -> Tensor:
    """The slopes' values in ``dtype``, contiguous and on the CPU."""
    slopes = _mirror(slopes) if slopes.is_cuda else slopes
    if slopes.dtype is dtype and slopes.is_contiguous():
        return slopes
    return slopes.detach().to(dtype).contiguous()


def _mirror(slopes: Tensor) -> Tensor:
    """The values on the CPU: copied, which waits for the device, where the version is a new one.

    Sharded parameters are gathered behind the version counter's back, so that under torch.distributed the values
    are copied every time. So are writes through ``.data``, which nobody can see: README.md tells.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return slopes.detach().cpu()
    state = (slopes.data_ptr(), slopes._version)
    found = _MIRRORS.get(id(slopes))
    if found is not None and found[0]() is slopes and found[1] == state:
        return found[2]
    values = slopes.detach().cpu()
    key = id(slopes)
    _MIRRORS[key] = (weakref.ref(slopes, lambda _: _MIRRORS.pop(key, None)), state, values)
    return values
