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
    """Values of parameters in one piece of the host's memory, once the device has written it."""

    def __init__(self, whole: Tensor, sizes: list[int], done: torch.cuda.Event | None) -> None:
        self._whole = whole
        self._sizes = sizes
        self._done = done
        self._parts: dict[torch.dtype, tuple[Tensor, ...]] = {}

    @classmethod
    def behind(cls, parameters: list[Tensor]) -> _Copy:
        """In the current stream of the tensors' device: behind what was put there."""
        with torch.no_grad(), torch.cuda.device(parameters[0].device):
            values = torch.cat([one if one.dim() == 1 else one.reshape(-1) for one in parameters])
            host = torch.empty(values.shape, dtype=values.dtype, device="cpu", pin_memory=True)
            host.copy_(values, non_blocking=True)
            done = torch.cuda.Event()
            done.record()
        return cls(host, [one.numel() for one in parameters], done)

    @classmethod
    def of(cls, parameter: Tensor) -> _Copy:
        """Of one alone. Waits for the device."""
        values = parameter.detach().reshape(-1).cpu()
        return cls(values, [values.numel()], None)

    def values(self, index: int, dtype: torch.dtype) -> Tensor:
        """Those of one parameter, contiguous, once they are there."""
        # Another thread may be here, too.
        done = self._done
        if done is not None:
            done.synchronize()
            self._done = None
        parts = self._parts.get(dtype)
        if parts is None:
            parts = self._parts[dtype] = self._whole.to(dtype).split(self._sizes)
        return parts[index]


class _Mirror:
    """A parameter's values on the CPU, as it was at an address and version."""

    def __init__(self, slopes: Tensor) -> None:
        key = id(slopes)
        self.parameter = weakref.ref(slopes, lambda _: _MIRRORS.pop(key, None))
        self.take(slopes, _Copy.of(slopes), 0)

    def take(self, slopes: Tensor, copy: _Copy, index: int) -> None:
        """Newer values: the copy's of this index."""
        self._taken = _state(slopes), copy, index

    def is_of(self, slopes: Tensor) -> bool:
        return self.parameter() is slopes

    def values(self, slopes: Tensor, dtype: torch.dtype) -> Tensor:
        """Where the version is a new one, copied first."""
        state, copy, index = self._taken
        if state != _state(slopes):
            copy, index = _Copy.of(slopes), 0
            self.take(slopes, copy, index)
        return copy.values(index, dtype)


#: By a parameter's id.
_MIRRORS: dict[int, _Mirror] = {}


def on_host(slopes: Tensor, dtype: torch.dtype) -> Tensor:
    """The slopes' values in ``dtype``, contiguous and on the CPU.

    Collectives, and what gathers sharded parameters, write behind the version counter's back, so that under
    torch.distributed the values are copied every time. Writes through ``.data`` nobody can see: README.md tells.
    """
    if not slopes.is_cuda:
        if slopes.dtype is dtype and slopes.is_contiguous():
            return slopes
        return slopes.detach().to(dtype).contiguous()
    if _distributed():
        return _Copy.of(slopes).values(0, dtype)
    found = _MIRRORS.get(id(slopes))
    if found is None or not found.is_of(slopes):
        found = _MIRRORS[id(slopes)] = _Mirror(slopes)
    return found.values(slopes, dtype)


def _state(slopes: Tensor) -> tuple[int, int]:
    return slopes.data_ptr(), slopes._version


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
    kinds: dict[tuple[torch.device, torch.dtype], list[tuple[Tensor, _Mirror]]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            found = _MIRRORS.get(id(parameter))
            if found is not None and found.is_of(parameter) and parameter.is_cuda:
                kinds.setdefault((parameter.device, parameter.dtype), []).append((parameter, found))
    for slopes in kinds.values():
        copy = _Copy.behind([parameter for parameter, _ in slopes])
        for index, (parameter, mirror) in enumerate(slopes):
            mirror.take(parameter, copy, index)


register_optimizer_step_post_hook(_after_step)
