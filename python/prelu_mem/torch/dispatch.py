"""Whether anybody but the caller would see an operator's call: then it has to be one.

    what looks on by the thread (dispatch modes, tracers, functionalization)    -> in the keys that the thread includes
    what a tensor brings along (its own type, negation when it is read, ..)     -> in its keys, or its type
    a mode for functions                                                        -> counted by PyTorch
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

#: Keys of a dense tensor on one of our devices, and of gradients and autocast, which the caller has seen to.
_OUR_OWN = re.compile("CPU|CUDA|BackendSelect|ADInplaceOrView|Autograd[A-Za-z]*|Autocast[A-Za-z]*")

#: What tells one set from another; PyTorch 2.4 has its text alone, which takes longer.
_identity = getattr(torch._C.DispatchKeySet, "raw_repr", repr)

#: Whether all of a set's keys are such.
_KNOWN: dict[Any, bool] = {}

#: Of a tensor that nobody has made a type for.
_TYPES = (Tensor, nn.Parameter)


def unseen(*tensors: Tensor) -> bool:
    """Whether the operators' implementation may be called in their place: these are the caller's tensors, and whoever looks
    on does so now."""
    if torch.compiler.is_compiling() or torch._C._len_torch_function_stack() > 0:
        return False
    if not _our_own(torch._C._dispatch_tls_local_include_set()):
        return False
    for tensor in tensors:
        if type(tensor) not in _TYPES or not _our_own(torch._C._dispatch_keys(tensor)):
            return False
    return True


#: What autograd's saved tensors are handed to on their way, if anything; PyTorch 2.4 does not tell.
_hooks_on_saved = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", lambda _: True)


def kept_as_saved() -> bool:
    """Whether autograd itself keeps what is saved now. Elsewhere hooks take it, and may bring back what another forward pass
    has saved, as activation checkpointing does."""
    return _hooks_on_saved(False) is None


def restored(*saved: Tensor | None) -> bool:
    """Whether what autograd has kept for us is as it was, or has come back from hooks as plain tensors."""
    return all(
        tensor is None or (type(tensor) is Tensor and _our_own(torch._C._dispatch_keys(tensor))) for tensor in saved
    )


def _our_own(keys: Any) -> bool:
    identity = _identity(keys)
    known = _KNOWN.get(identity)
    if known is None:
        # DispatchKeySet(CPU, ADInplaceOrView, ..)
        _, *names = re.findall(r"\w+", repr(keys))
        known = _KNOWN[identity] = all(_OUR_OWN.fullmatch(name) for name in names)
    return known
