"""The two loops as PyTorch operators, which torch.compile, fake tensors and dispatch modes see through.

Both write their first argument and are not differentiable by themselves: :mod:`prelu_mem.torch.autograd` is.

Under torch.compile forward is two: ``room`` gives the saved state its size, ``fill_`` writes. Inductor traces what writes
its arguments a second time, and PyTorch 2.8 then takes a size that comes out of it for another one.
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
    "room(Tensor x, Tensor slopes, str strategy, bool learned) -> (Tensor saved, Tensor made_with)",
    tags=[torch.Tag.dynamic_output_shape, *_TAGS],
)
_LIBRARY.define(
    "fill_(Tensor(a!) x, Tensor(b!) saved, Tensor made_with, str strategy, bool learned) -> ()", tags=_TAGS
)
_LIBRARY.define(
    "backward_(Tensor(a!) grad, Tensor? output, Tensor saved, Tensor made_with, str strategy, bool learned) -> Tensor",
    tags=_TAGS,
)
for _device in ("CPU", "CUDA"):
    _LIBRARY.impl("forward_", kernels.forward_, _device)
    _LIBRARY.impl("room", kernels.room, _device)
    _LIBRARY.impl("fill_", kernels.fill_, _device)
    _LIBRARY.impl("backward_", kernels.backward_, _device)

_OPERATORS = torch.ops.prelu_mem  # type: ignore[attr-defined]
forward_ = _OPERATORS.forward_.default
room = _OPERATORS.room.default
fill_ = _OPERATORS.fill_.default
backward_ = _OPERATORS.backward_.default


@torch.library.register_fake("prelu_mem::forward_", lib=_LIBRARY)
@torch.library.register_fake("prelu_mem::room", lib=_LIBRARY)
def _(x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> tuple[Tensor, Tensor]:
    # How much is saved depends on the slopes' values.
    size = torch.library.get_ctx().new_dynamic_size()
    saved = x.new_empty([size], dtype=torch.uint8)
    return saved, torch.empty(kernels.AXES + slopes.numel(), dtype=torch.float64, device="cpu")


@torch.library.register_fake("prelu_mem::fill_", lib=_LIBRARY)
def _(x: Tensor, saved: Tensor, made_with: Tensor, strategy: str, learned: bool) -> None:
    return None


@torch.library.register_fake("prelu_mem::backward_", lib=_LIBRARY)
def _(
    grad: Tensor, output: Tensor | None, saved: Tensor, made_with: Tensor, strategy: str, learned: bool
) -> Tensor:
    return grad.new_empty(made_with.numel() - kernels.AXES if learned else 0, dtype=torch.float64)
