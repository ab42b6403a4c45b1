"""PReLU as a differentiable function, in place and beside its input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import prelu_mem
from prelu_mem import _native
from prelu_mem.torch import ops
from prelu_mem.torch.ownership import alone

#: Whether backward may read the output, by strategy and whether the slopes are learned.
READS_OUTPUT = {
    (strategy, learned): _native.reads_output(strategy, learned)
    for strategy in prelu_mem.strategies()
    for learned in (True, False)
}

#: Of the input, of the slopes, and none of what are no tensors.
_Gradients = tuple[Tensor | None, Tensor | None, None, None]


class _InPlace(torch.autograd.Function):
    """Overwrites its input and returns it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> Tensor:
        ctx.mark_dirty(x)
        return _forward(ctx, x, slopes, strategy, learned)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> _Gradients:
        mine = not torch.compiler.is_compiling() and alone(grad)
        return _backward(ctx, grad if mine else grad.clone())


class _Beside(torch.autograd.Function):
    """Leaves its input as it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> Tensor:
        return _forward(ctx, x.clone(), slopes, strategy, learned)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> _Gradients:
        mine = not torch.compiler.is_compiling() and alone(grad)
        return _backward(ctx, grad if mine else grad.clone())


def _forward(ctx: Any, y: Tensor, slopes: Tensor, strategy: str, learned: bool) -> Tensor:
    ctx.strategy, ctx.learned = strategy, learned
    ctx.slopes_dtype, ctx.slopes_shape = slopes.dtype, slopes.shape
    saved, made_with = ops.forward_(y, slopes, strategy, learned)
    output = y if READS_OUTPUT[strategy, learned] else None
    ctx.save_for_backward(output, saved, made_with)
    return y


def _backward(ctx: Any, grad: Tensor) -> _Gradients:
    output, saved, made_with = ctx.saved_tensors
    sums = ops.backward_(grad, output, saved, made_with, ctx.strategy, ctx.learned)
    slope_gradient = sums.to(ctx.slopes_dtype).view(ctx.slopes_shape) if ctx.learned else None
    return grad, slope_gradient, None, None


class _Traced(torch.autograd.Function):
    """:class:`_Beside` for torch.compile, which takes the copies out again. What is saved has to be an output as
    well: its size is known only when the compiled graph runs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> tuple[Tensor, Tensor, Tensor]:
        y = x.clone()
        ctx.strategy, ctx.learned = strategy, learned
        ctx.slopes_dtype, ctx.slopes_shape = slopes.dtype, slopes.shape
        saved, made_with = ops.forward_(y, slopes, strategy, learned)
        ctx.mark_non_differentiable(saved, made_with)
        ctx.save_for_backward(y if READS_OUTPUT[strategy, learned] else None, saved, made_with)
        return y, saved, made_with

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> _Gradients:
        return _backward(ctx, grad.clone())


def apply(x: Tensor, slopes: Tensor, strategy: str, learned: bool, inplace: bool) -> Tensor:
    """The output, differentiable in ``x`` and ``slopes``."""
    if torch.compiler.is_compiling():
        y, _, _ = _Traced.apply(x, slopes, strategy, learned)
        return x.copy_(y) if inplace else y
    if inplace and not torch.is_grad_enabled():
        # As PyTorch's own functions do: the very tensor comes back, its history untouched.
        ops.forward_(x, slopes, strategy, False)
        if not x.is_inference():
            torch.autograd.graph.increment_version(x)
        return x
    return (_InPlace if inplace else _Beside).apply(x, slopes, strategy, learned)  # type: ignore[no-any-return]
