"""Whether a gradient may be overwritten: only where nobody else can ever see it.

The engine hands a gradient to backward; when that is its only owner, writing over it is what PyTorch's own
nodes do too. Four counts tell: owners of the tensor, references to its Python object, references to its
storage's Python object, and tensors on that storage. What they are for a gradient with one owner is found by
looking at one, since Python and PyTorch count differently from release to release.

    what PyTorch cannot count, or has not allocated itself    -> copied
    elements that lie over each other, or with gaps           -> copied
    any count that is not the one of a sole owner             -> copied
"""

from __future__ import annotations

import sys
import threading
import weakref
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.multiprocessing.reductions import StorageWeakRef

from prelu_mem.torch.kernels import is_dense

_COUNTS = hasattr(Tensor, "_use_count") and hasattr(torch._C, "_storage_Use_Count")

#: Of the tensor, its Python object, its storage's Python object and its storage.
Counts = tuple[int, int, int, int]


def alone(grad: Tensor) -> bool:
    """Whether the gradient that backward was handed has no other owner. To be called by backward itself, whose own
    references are part of the count."""
    if not _COUNTS or type(grad) is not Tensor or _counts(grad) != _sole_owner() or not is_dense(grad):
        return False
    # NumPy's and DLPack's memory has owners that PyTorch does not count, and then no size that it could change; other
    # processes are not counted either. (Whether they see a GPU's memory, it cannot tell.)
    storage = grad.untyped_storage()
    return storage.resizable() and (storage.device.type != "cpu" or not storage.is_shared())


def _counts(tensor: Tensor) -> Counts:
    storage = tensor.untyped_storage()
    return (
        tensor._use_count(),  # type: ignore[attr-defined]
        sys.getrefcount(tensor),
        sys.getrefcount(storage),
        torch._C._storage_Use_Count(storage._cdata),  # type: ignore[attr-defined]
    )


class _Probe:
    """What is noted of a gradient that backward was handed."""

    def __init__(self) -> None:
        self.counts: list[Counts] = []
        self.tensors: list[weakref.ref[Tensor]] = []
        self.storages: list[StorageWeakRef] = []

    def note(self, grad: Tensor) -> None:
        # As deep in calls as alone() is when it counts.
        self.counts.append(_counts(grad))
        self.tensors.append(weakref.ref(grad))
        self.storages.append(StorageWeakRef(grad.untyped_storage()))

    def held(self) -> bool:
        """Whether any of the gradients is still there: somebody had kept it when it was counted."""
        return any(seen() is not None for seen in self.tensors) or any(seen.expired() is False for seen in self.storages)


class _Look(torch.autograd.Function):
    """Shows its gradient to a probe."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, probe: _Probe) -> Tensor:
        ctx.probe = probe
        return x.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        ctx.probe.note(grad)
        return grad, None


def _look() -> tuple[Counts | None] | None:
    """The counts of a gradient with one owner, or none where one with two looks the same. Nothing at all where
    somebody looks on and holds what he sees: a debugger, or a dispatch mode that keeps tensors."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return None
    one, two = _Probe(), _Probe()
    with torch.enable_grad():
        x = torch.zeros(2, requires_grad=True)
        torch.autograd.grad((_Look.apply(x, one) * x.detach()).sum(), x)
        torch.autograd.grad(((_Look.apply(x, two) + _Look.apply(x, two)) * x.detach()).sum(), x)
    if type(x) is not Tensor or one.held() or two.held():
        return None
    return (None if two.counts[0] == one.counts[0] else one.counts[0],)


_found: list[Counts | None] = []
_looking = threading.Lock()


def _sole_owner() -> Counts | None:
    """What :func:`_counts` says of a gradient with no other owner."""
    if not _found:
        with _looking:
            if not _found:
                _found.extend(_look() or ())
    return _found[0] if _found else None
