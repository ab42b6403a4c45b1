"""The two loops as PyTorch operators, which torch.compile, fake tensors and dispatch modes see through.

Both write their first argument and are not differentiable by themselves: :mod:`prelu_mem.torch.autograd` is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from prelu_mem.torch import kernels

#: The loops work in any dense layout, which the compiler may choose.
_TAGS = [getattr(torch.Tag, "flexible_layout")] if hasattr(torch.Tag, "flexible_layout") else []

_LIBRARY = torch.library.Library("prelu_mem", "DEF")
_LIBRARY.define(
    "forward_(Tensor(a!) x, Tensor slopes, str strategy, bool learned) -> (Tensor saved, Tensor made_with)",
    tags=[torch.Tag.dynamic_output_shape, *_TAGS],
)
_LIBRARY.define(
    "backward_(Tensor(a!) grad, Tensor? output, Tensor saved, Tensor made_with, str strategy, bool learned) -> Tensor",
    tags=_TAGS,
)
for _device in ("CPU", "CUDA"):
    _LIBRARY.impl("forward_", kernels.forward_, _device)
    _LIBRARY.impl("backward_", kernels.backward_, _device)

forward_ = torch.ops.prelu_mem.forward_.default
backward_ = torch.ops.prelu_mem.backward_.default


@torch.library.register_fake("prelu_mem::forward_", lib=_LIBRARY)
def _(x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> tuple[Tensor, Tensor]:
    # How much is saved depends on the slopes' values.
    size = torch.library.get_ctx().new_dynamic_size()
    saved = x.new_empty(size, dtype=torch.uint8)
    return saved, torch.empty(kernels.AXES + slopes.numel(), dtype=torch.float64, device="cpu")


@torch.library.register_fake("prelu_mem::backward_", lib=_LIBRARY)
def _(
    grad: Tensor, output: Tensor | None, saved: Tensor, made_with: Tensor, strategy: str, learned: bool
) -> Tensor:
    return grad.new_empty(made_with.numel() - kernels.AXES if learned else 0, dtype=torch.float64)
