"""Whether a gradient may be overwritten: only where nobody else can ever see it.

The engine hands a gradient to backward; when that is its only owner, writing over it is what PyTorch's own
nodes do too. Four counts tell: owners of the tensor, references to its Python object, references to its
storage's Python object, and tensors on that storage. What they are for a gradient with one owner is found by
sending one through the layer, since Python and PyTorch count differently from release to release.

    what PyTorch cannot count, or has not allocated itself    -> copied
    elements that lie over each other, or with gaps           -> copied
    any count that is not the one of a sole owner             -> copied
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import _get_current_dispatch_mode

from prelu_mem.torch.kernels import is_dense

_COUNTS = hasattr(Tensor, "_use_count") and hasattr(torch._C, "_storage_Use_Count")

#: Of the tensor, its Python object, its storage's Python object and its storage.
Counts = tuple[int, int, int, int]


def alone(grad: Tensor) -> bool:
    """Whether the gradient that the layer's backward was handed has no other owner. To be called by backward itself,
    whose own references are part of the count."""
    if not _COUNTS or type(grad) is not Tensor:
        return False
    counts = _counts(grad)
    if _learning and _learning[0].thread == threading.get_ident():
        _learning[0].note(grad, counts)
        return False
    if counts != _sole_owner() or not is_dense(grad):
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
    """What :func:`alone` is shown in this thread, in place of its answer."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.counts: list[Counts] = []
        self.tensors: list[weakref.ref[Tensor]] = []
        self.storages: list[StorageWeakRef] = []

    def note(self, grad: Tensor, counts: Counts) -> None:
        self.counts.append(counts)
        self.tensors.append(weakref.ref(grad))
        self.storages.append(StorageWeakRef(grad.untyped_storage()))

    def held(self) -> bool:
        """Whether any of the gradients is still there: somebody had kept it when it was counted."""
        return any(seen() is not None for seen in self.tensors) or not all(seen.expired() for seen in self.storages)


_layer: list[Callable[[Tensor], Tensor]] = []
_learning: list[_Probe] = []
_found: list[Counts | None] = []
_lock = threading.Lock()


def learn_from(layer: Callable[[Tensor], Tensor]) -> None:
    """Names the layer whose gradients are looked at: one that asks :func:`alone` in its backward."""
    _layer.append(layer)


def _look() -> tuple[Counts | None] | None:
    """The counts of a gradient with one owner, or none where one with two looks the same. Nothing at all where
    somebody looks on and holds what he sees: a debugger, or a dispatch mode that keeps tensors."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return None
    if _get_current_dispatch_mode() is not None or torch.is_inference_mode_enabled():
        return None
    (layer,), probe = _layer, _Probe()
    _learning.append(probe)
    try:
        with torch.enable_grad():
            x = torch.zeros(2, device="cpu", requires_grad=True)
            torch.autograd.grad((layer(x) * x.detach()).sum(), x)
            torch.autograd.grad(((layer(x) + layer(x)) * x.detach()).sum(), x)
    finally:
        _learning.clear()
    if type(x) is not Tensor or len(probe.counts) != 3 or probe.held():
        return None
    one, two, _ = probe.counts
    return (None if two == one else one,)


def _sole_owner() -> Counts | None:
    """What :func:`_counts` says of a gradient with no other owner."""
    if not _found:
        with _lock:
            if not _found:
                _found.extend(_look() or ())
    return _found[0] if _found else None
