"""PReLU as a differentiable function, in place and beside its input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import prelu_mem
from prelu_mem import _native
from prelu_mem.torch import kernels, ops
from prelu_mem.torch.dispatch import kept_as_saved, restored, unseen
from prelu_mem.torch.ownership import alone, learn_from

#: Whether backward may read the output, by strategy and whether the slopes are learned.
READS_OUTPUT = {
    (strategy, learned): _native.reads_output(strategy, learned)
    for strategy in prelu_mem.strategies()
    for learned in (True, False)
}

#: Said where somebody differentiates a gradient of the layer.
_TWICE = "prelu_mem's layer cannot be differentiated twice: use torch.nn.PReLU where gradients of gradients are needed"

#: Of the input, of the slopes, and none of what are no tensors.
_Gradients = tuple[Tensor | None, Tensor | None, None, None]


def _differentiate(ctx: Any, grad: Tensor) -> _Gradients:
    """Backward, over the upstream gradient where that is nobody else's."""
    if torch.is_grad_enabled():
        return _backward_once(ctx, grad)
    mine = not torch.compiler.is_compiling() and alone(grad)
    return _backward(ctx, grad if mine else grad.clone())


class _InPlace(torch.autograd.Function):
    """Overwrites its input and returns it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> Tensor:
        ctx.mark_dirty(x)
        return _forward(ctx, x, slopes, strategy, learned)

    backward = staticmethod(_differentiate)


class _Beside(torch.autograd.Function):
    """Leaves its input as it is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> Tensor:
        return _forward(ctx, x.clone(), slopes, strategy, learned)

    backward = staticmethod(_differentiate)


@learn_from
def _small(x: Tensor) -> Tensor:
    """A layer to learn from whose slope asks for nothing."""
    return _Beside.apply(x, torch.ones(1, device="cpu"), "full-copy", False)  # type: ignore[no-any-return]


def _forward(ctx: Any, y: Tensor, slopes: Tensor, strategy: str, learned: bool) -> Tensor:
    """By operators, or by what they call where nobody would see them: PyTorch takes as long to find an operator as all the
    rest of a call takes. The plan is kept as it is where what is saved can be of no other one."""
    ctx.strategy, ctx.learned = strategy, learned
    ctx.slopes_dtype, ctx.slopes_shape = slopes.dtype, slopes.shape
    output = y if READS_OUTPUT[strategy, learned] else None
    direct = unseen(y, slopes)
    if direct and kept_as_saved():
        saved, ctx.plan = kernels.forward_by_plan_(y, slopes, strategy, learned)
        ctx.save_for_backward(output, saved)
    else:
        ctx.plan = None
        saved, made_with = (kernels if direct else ops).forward_(y, slopes, strategy, learned)
        ctx.save_for_backward(output, saved, made_with)
    return y


def _backward(ctx: Any, grad: Tensor) -> _Gradients:
    plan: _native.Plan | None = ctx.plan
    output, saved, *rest = ctx.saved_tensors
    # In this order: torch.compile traces the first question and not the second.
    direct = unseen(grad) and restored(output, saved, *rest)
    if direct and plan is not None:
        sums = kernels.backward_by_plan_(grad, output, saved, plan, ctx.strategy, ctx.learned)
    else:
        made_with = rest[0] if plan is None else kernels.describe_unseen(plan)
        sums = (kernels if direct else ops).backward_(grad, output, saved, made_with, ctx.strategy, ctx.learned)
    if not ctx.learned:
        return grad, None, None, None
    slope_gradient = sums.to(ctx.slopes_dtype)
    if len(ctx.slopes_shape) != 1:
        slope_gradient = slope_gradient.view(ctx.slopes_shape)
    return grad, slope_gradient, None, None


def _backward_once(ctx: Any, grad: Tensor) -> _Gradients:
    """With ``create_graph``: the input gradient is a function of the slopes too, also where the upstream gradient is one
    of nothing, so that going through it again has to end in an error and not in a gradient that lacks a term."""
    with torch.no_grad():
        gradients = _backward(ctx, grad.clone())
    if not ctx.learned and not grad.requires_grad:
        return gradients
    found = [gradient.requires_grad_() for gradient in gradients if gradient is not None]
    refused = iter(torch._C._functions.DelayedError(_TWICE, len(found))(*found))  # type: ignore[attr-defined,arg-type]
    return tuple(None if gradient is None else next(refused) for gradient in gradients)  # type: ignore[return-value]


class _Traced(torch.autograd.Function):
    """:class:`_Beside` for torch.compile, which takes the copies out again. What is saved has to be an output as
    well: its size is known only when the compiled graph runs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> tuple[Tensor, Tensor, Tensor]:
        y = x.clone()
        ctx.strategy, ctx.learned, ctx.plan = strategy, learned, None
        ctx.slopes_dtype, ctx.slopes_shape = slopes.dtype, slopes.shape
        saved, made_with = ops.room(y, slopes, strategy, learned)
        ops.fill_(y, saved, made_with, strategy, learned)
        ctx.mark_non_differentiable(saved, made_with)
        ctx.save_for_backward(y if READS_OUTPUT[strategy, learned] else None, saved, made_with)
        return y, saved, made_with

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> _Gradients:
        return _backward(ctx, grad.clone())


#: Whether torch.func or vmap is at work; where PyTorch cannot tell, its own error has to do.
_transformed = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)


def apply(x: Tensor, slopes: Tensor, strategy: str, learned: bool, inplace: bool) -> Tensor:
    """The output, differentiable in ``x`` and ``slopes``."""
    if torch.compiler.is_compiling():
        # Views, so that both are in the graph before the size is: within a checkpoint, PyTorch 2.8 takes them in only when
        # they are passed on, and stumbles there over a size that is not part of any tensor yet.
        y, _, _ = _Traced.apply(x.view_as(x), slopes.view_as(slopes), strategy, learned)
        return x.copy_(y) if inplace else y
    if _transformed():
        raise RuntimeError("prelu_mem's layer takes no part in vmap and torch.func: use torch.nn.PReLU there")
    if inplace and not torch.is_grad_enabled():
        # As PyTorch's own functions do: the very tensor comes back, its history untouched.
        (kernels.forward_by_plan_ if unseen(x, slopes) else ops.forward_)(x, slopes, strategy, False)
        if not x.is_inference():
            torch.autograd.graph.increment_version(x)
        return x
    return (_InPlace if inplace else _Beside).apply(x, slopes, strategy, learned)  # type: ignore[no-any-return]
