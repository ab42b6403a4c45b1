"""The function: what :func:`torch.nn.functional.prelu` accepts, with what is saved chosen by name."""

from __future__ import annotations

import torch
from torch import Tensor

from prelu_mem import _native
from prelu_mem.torch import autograd
from prelu_mem.torch.kernels import DTYPES


@torch.fx.wrap
def prelu(input: Tensor, weight: Tensor, strategy: str = "adaptive", inplace: bool = False) -> Tensor:
    """``input`` where it is positive, else ``weight`` times it; ``weight`` is one slope per channel (axis 1) or one.

    ``inplace=True`` overwrites ``input`` and returns it. Raises what :func:`torch.nn.functional.prelu` raises, and
    ``ValueError`` for an unknown strategy.
    """
    for name, argument in (("input", input), ("weight", weight)):
        if not isinstance(argument, Tensor):
            raise TypeError(f"prelu(): argument '{name}' must be Tensor, not {type(argument).__name__}")
    device = input.device
    kind = device.type
    if kind == "meta" and weight.device.type == "meta":
        # There is nothing to save: only the shape is asked for.
        return torch.nn.functional.prelu(input, weight)
    if input.layout is not torch.strided:
        raise NotImplementedError(f"prelu_mem takes dense tensors, not {input.layout}: call to_dense() first")
    if device != weight.device:
        raise RuntimeError(f"input is on {device}, weight on {weight.device}: both have to be on one device")
    if kind not in ("cpu", "cuda"):
        raise NotImplementedError(f"prelu_mem runs on cpu and cuda, not on {kind}")
    if (strategy, True) not in autograd.READS_OUTPUT:
        _native.check(strategy)
    input = _autocast(input, weight, kind)
    _check_shapes(input, weight)
    grad = torch.is_grad_enabled()
    if inplace and grad and input.requires_grad and input.is_leaf:
        raise RuntimeError(
            "a leaf Variable that requires grad cannot be overwritten: pass inplace=False, or the result of an operation"
        )
    return autograd.apply(input, weight, strategy, grad and weight.requires_grad, inplace)


def _autocast(input: Tensor, weight: Tensor, kind: str) -> Tensor:
    """The input in the dtype that the surrounding autocast for this kind of device asks for; the slopes follow it by
    themselves."""
    if torch.is_autocast_enabled(kind) and input.is_floating_point() and input.dtype != torch.float64:
        input = input.to(torch.get_autocast_dtype(kind))
    elif input.dtype != weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}")
    if input.dtype not in DTYPES:
        accepted = ", ".join(str(dtype) for dtype in DTYPES)
        raise NotImplementedError(f"prelu_mem is not implemented for {input.dtype}: {accepted} are accepted")
    return input


def _check_shapes(input: Tensor, weight: Tensor) -> None:
    if weight.dim() > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}")
    if weight.numel() == 1:
        return
    if input.dim() == 0:
        raise RuntimeError(f"a zero-dim input tensor takes one parameter; found {weight.numel()}")
    channels = input.size(1) if input.dim() > 1 else 1
    if channels != weight.numel():
        raise RuntimeError(
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} "
            f"and channel size = {channels}."
        )
