"""Whether a gradient may be overwritten: only where nobody else can ever see it.

The engine hands a gradient to backward; when that is its only owner, writing over it is what PyTorch's own
nodes do too. Three counts tell: owners of the tensor, references to its Python object, and tensors on its
memory. What they are for a gradient with one owner is found by looking at one, since Python and PyTorch count
differently from release to release. Where PyTorch cannot tell, nothing is ever overwritten.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_COUNTS = hasattr(Tensor, "_use_count") and hasattr(torch._C, "_storage_Use_Count")


def counts(tensor: Tensor) -> tuple[int, int, int]:
    """Owners of the tensor, references to its Python object, tensors on its memory."""
    storage = tensor.untyped_storage()
    return tensor._use_count(), sys.getrefcount(tensor), torch._C._storage_Use_Count(storage._cdata)  # type: ignore[attr-defined]


class _Look(torch.autograd.Function):
    """Notes what the counts of its gradient are."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, seen: list[tuple[int, int, int]]) -> Tensor:
        ctx.seen = seen
        return x.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        ctx.seen.append(counts(grad))
        return grad, None


def _look() -> tuple[int, int, int] | None:
    """The counts of a gradient with one owner; none where one with two looks the same."""
    seen: list[tuple[int, int, int]] = []
    with torch.enable_grad():
        x = torch.zeros(2, requires_grad=True)
        torch.autograd.grad((_Look.apply(x, seen) * x.detach()).sum(), x)
        left, right = _Look.apply(x, seen), _Look.apply(x, seen)
        torch.autograd.grad(((left + right) * x.detach()).sum(), x)
    alone, *shared = seen
    return None if shared[0] == alone else alone


_alone: list[tuple[int, int, int] | None] = []
_looking = threading.Lock()


def sole_owner() -> tuple[int, int, int] | None:
    """What :func:`counts` says of a gradient that backward was handed and that has no other owner."""
    if not _COUNTS:
        return None
    with _looking:
        if not _alone:
            _alone.append(_look())
    return _alone[0]
