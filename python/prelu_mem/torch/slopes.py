"""Slopes on the host, where channels are classified.

On the CPU they are there already: the engine compares their values with those it has planned for, so that it
plans once per set of values, whoever wrote them. From a GPU they are copied once per version of the parameter:

    after a torch.optim step   all slopes that it has in hand in one piece, behind the step, without waiting
    a layer's forward pass     waits for that piece, once per step and not once per layer
    any other new version      the layer's own, which waits for the device
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook


class _Copy:
    """A piece of the host's memory that the device is writing."""

    def __init__(self, parts: list[Tensor]) -> None:
        """In the current stream of the tensors' device: behind what was put there."""
        with torch.no_grad(), torch.cuda.device(parts[0].device):
            values = torch.cat([part.detach().reshape(-1) for part in parts])
            host = torch.empty(values.shape, dtype=values.dtype, device="cpu", pin_memory=True)
            host.copy_(values, non_blocking=True)
            self.done: torch.cuda.Event | None = torch.cuda.Event()
            self.done.record()
        self.parts = host.split([part.numel() for part in parts])

    def wait(self) -> None:
        """Returns once the values are there."""
        # Another thread may be here, too.
        done = self.done
        if done is not None:
            done.synchronize()
            self.done = None


class _Mirror:
    """A parameter's values on the CPU, as it was at an address and version."""

    def __init__(self, slopes: Tensor, copy: _Copy | None, values: Tensor) -> None:
        key = id(slopes)
        self.parameter = weakref.ref(slopes, lambda _: _MIRRORS.pop(key, None))
        self.state = _state(slopes)
        self.copy = copy
        self._values = values

    def is_of(self, slopes: Tensor) -> bool:
        return self.parameter() is slopes

    def is_fresh(self, slopes: Tensor) -> bool:
        return self.is_of(slopes) and self.state == _state(slopes)

    def values(self) -> Tensor:
        if self.copy is not None:
            self.copy.wait()
        return self._values


#: By a parameter's id.
_MIRRORS: dict[int, _Mirror] = {}


def on_host(slopes: Tensor, dtype: torch.dtype) -> Tensor:
    """The slopes' values in ``dtype``, contiguous and on the CPU."""
    slopes = _mirror(slopes) if slopes.is_cuda else slopes
    if slopes.dtype is dtype and slopes.is_contiguous():
        return slopes
    return slopes.detach().to(dtype).contiguous()


def _state(slopes: Tensor) -> tuple[int, int]:
    return slopes.data_ptr(), slopes._version


def _mirror(slopes: Tensor) -> Tensor:
    """The values on the CPU, copied where the version is a new one.

    Collectives, and what gathers sharded parameters, write behind the version counter's back, so that under
    torch.distributed the values are copied every time. Writes through ``.data`` nobody can see: README.md tells.
    """
    if _distributed():
        return slopes.detach().cpu()
    found = _MIRRORS.get(id(slopes))
    if found is not None and found.is_fresh(slopes):
        return found.values()
    values = slopes.detach().cpu()
    _MIRRORS[id(slopes)] = _Mirror(slopes, None, values)
    return values


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _after_step(optimizer: Optimizer, *_: Any) -> None:
    """Copies the slopes that layers have used and that the optimizer has in hand, in the stream of its step.

    Of PyTorch's own optimizers alone: others may write in a stream of their own, and join it later. A step that is
    compiled or captured is left as it is.
    """
    if torch.compiler.is_compiling() or not _MIRRORS or _distributed():
        return
    if not type(optimizer).__module__.startswith("torch.optim.") or torch.cuda.is_current_stream_capturing():
        return
    kinds: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            found = _MIRRORS.get(id(parameter))
            if found is not None and found.is_of(parameter) and parameter.is_cuda:
                kinds.setdefault((parameter.device, parameter.dtype), []).append(parameter)
    for slopes in kinds.values():
        copy = _Copy(slopes)
        for parameter, values in zip(slopes, copy.parts, strict=True):
            _MIRRORS[id(parameter)] = _Mirror(parameter, copy, values)


register_optimizer_step_post_hook(_after_step)
