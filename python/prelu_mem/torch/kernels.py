"""From tensors to the loops: what a tensor is, is checked here, and its address goes on.

``made_with`` is what a plan was made of, in a float64 tensor on the CPU: the axes' order in memory and the slopes (see
made_with.rs). With it, backward reads a saved state as it was written, whatever happened to the slopes or to the
layout of tensors since.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from prelu_mem import _native
from prelu_mem.torch import threads
from prelu_mem.torch.slopes import on_host

#: The engine's names of dtypes.
DTYPES = {
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.float32: "f32",
    torch.float64: "f64",
}

#: The most axes a tensor may have.
AXES = 8

#: Whether the loops run on PyTorch's own threads.
LENT = threads.lend()


def forward_(x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> tuple[Tensor, Tensor]:
    """Overwrites ``x`` with the output; returns the saved state and ``made_with``."""
    saved, plan = forward_by_plan_(x, slopes, strategy, learned)
    return saved, describe(plan)


def forward_by_plan_(x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> tuple[Tensor, _native.Plan]:
    """:func:`forward_` for a caller who can keep the plan."""
    dense = x if is_dense(x) else x.contiguous()
    plan = _plan(dense, slopes, strategy, learned)
    saved = _room(dense, plan)
    _fill(x, dense, saved, plan)
    return saved, plan


def room(x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> tuple[Tensor, Tensor]:
    """Room for the saved state of ``x``, which is not written yet, and ``made_with``."""
    dense = x if is_dense(x) else x.contiguous()
    plan = _plan(dense, slopes, strategy, learned)
    return _room(dense, plan), describe(plan)


def fill_(x: Tensor, saved: Tensor, made_with: Tensor, strategy: str, learned: bool) -> None:
    """Overwrites ``x`` with the output and ``saved`` with the state: :func:`forward_` in the room that there is."""
    dense, plan = _again(x, made_with, strategy, learned)
    _check_room(saved, plan, x.device)
    _fill(x, dense, saved, plan)


def backward_(
    grad: Tensor, output: Tensor | None, saved: Tensor, made_with: Tensor, strategy: str, learned: bool
) -> Tensor:
    """Overwrites ``grad`` with the input gradient; returns the slope gradient in float64, empty for frozen slopes."""
    dense, plan = _again(grad, made_with, strategy, learned)
    if plan.needs_output and output is None:
        raise RuntimeError(f"strategy '{strategy}' reads the output in backward: pass it")
    read = None
    if output is not None and plan.needs_output:
        if output.shape != grad.shape or output.dtype != grad.dtype or output.device != grad.device:
            raise RuntimeError(
                f"output {tuple(output.shape)} of {output.dtype} on {output.device} and gradient {tuple(grad.shape)} "
                f"of {grad.dtype} on {grad.device} differ"
            )
        read = output
        # The gradient lies in the order of the saved state by now; mostly the output does in the same.
        if output.stride() != dense.stride():
            read = _laid_out(output, made_with)
    sums = _write_gradients(dense, read, saved, plan, learned)
    if dense is not grad:
        grad.copy_(dense)
    return sums


def backward_by_plan_(
    grad: Tensor, output: Tensor | None, saved: Tensor, plan: _native.Plan, strategy: str, learned: bool
) -> Tensor:
    """:func:`backward_` by the plan that forward has made, where the gradient lies as the input did."""
    read = output if plan.needs_output else None
    shape, strides, dtype = grad.shape, grad.stride(), grad.dtype
    alike = read is None or (
        read.stride() == strides and read.shape == shape and read.dtype is dtype and read.device == grad.device
    )
    if alike and dtype in DTYPES and plan.fits(DTYPES[dtype], shape, strides, _stream(grad)):
        return _write_gradients(grad, read, saved, plan, learned)
    return backward_(grad, output, saved, describe(plan), strategy, learned)


def _write_gradients(grad: Tensor, read: Tensor | None, saved: Tensor, plan: _native.Plan, learned: bool) -> Tensor:
    """Of tensors in the plan's layout."""
    _check_room(saved, plan, grad.device)
    sums = torch.empty(plan.slopes if learned else 0, dtype=torch.float64, device=grad.device)
    plan.backward(
        grad.data_ptr(),
        None if read is None else read.data_ptr(),
        (saved.data_ptr(), saved.numel()),
        sums.data_ptr() if learned else None,
        torch.get_num_threads(),
        LENT,
    )
    return sums


def describe(plan: _native.Plan) -> Tensor:
    """``made_with``. Under a dispatch mode the memory would be the mode's: see :func:`describe_unseen`."""
    made_with = torch.empty(AXES + plan.slopes, dtype=torch.float64, device="cpu")
    plan.describe(made_with.data_ptr())
    return made_with


def describe_unseen(plan: _native.Plan) -> Tensor:
    """``made_with``, whoever looks on."""
    with _disable_current_modes():
        return describe(plan)


def _room(dense: Tensor, plan: _native.Plan) -> Tensor:
    return torch.empty(plan.saved_bytes, dtype=torch.uint8, device=dense.device)


def _fill(x: Tensor, dense: Tensor, saved: Tensor, plan: _native.Plan) -> None:
    """``dense`` is ``x`` or a copy of it in the plan's layout."""
    begin, end = plan.padding
    if begin < end:
        saved[begin:end] = 0
    plan.forward(dense.data_ptr(), (saved.data_ptr(), saved.numel()), torch.get_num_threads(), LENT)
    if dense is not x:
        x.copy_(dense)


def _again(x: Tensor, made_with: Tensor, strategy: str, learned: bool) -> tuple[Tensor, _native.Plan]:
    """The plan that was made, and ``x`` or a copy of it in that plan's layout."""
    if x.dtype not in DTYPES:
        raise RuntimeError(f"a gradient of {x.dtype} does not belong to the saved state")
    if made_with.dtype is not torch.float64 or made_with.device.type != "cpu" or not made_with.is_contiguous():
        raise RuntimeError(
            f"what the saved state was made with is {made_with.dtype} on {made_with.device}: contiguous torch.float64 "
            "on the CPU belongs to this layer"
        )
    arguments = (learned, (made_with.data_ptr(), made_with.numel()), _stream(x))
    dense = x
    plan = _native.plan_again(strategy, DTYPES[x.dtype], x.shape, x.stride(), *arguments)
    if plan is None:
        dense = _laid_out(x, made_with)
        plan = _native.plan_again(strategy, DTYPES[x.dtype], dense.shape, dense.stride(), *arguments)
    if plan is None:
        raise RuntimeError(f"a tensor of shape {tuple(x.shape)} does not belong to the saved state")
    return dense, plan


def _check_room(saved: Tensor, plan: _native.Plan, device: torch.device) -> None:
    expected = plan.saved_bytes
    if saved.dtype is not torch.uint8 or saved.device != device:
        raise RuntimeError(
            f"the saved state is {saved.dtype} on {saved.device}: torch.uint8 on {device} belongs to this layer"
        )
    if saved.numel() != expected or not saved.is_contiguous():
        raise RuntimeError(f"the saved state is of {saved.numel()} bytes; {expected} belong to this layer")


def is_dense(x: Tensor) -> bool:
    """Whether the elements fill one gapless piece of memory, in any order of the axes."""
    if x.is_contiguous():
        return True
    expected = 1
    for stride, size in sorted(zip(x.stride(), x.shape)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def _laid_out(x: Tensor, made_with: Tensor) -> Tensor:
    """``x`` where it is dense in the order of the saved state, else a copy that is."""
    order = [int(axis) for axis in made_with[:AXES].tolist() if axis >= 0]
    if len(order) != x.dim():
        raise RuntimeError(f"the saved state is of {len(order)} axes, the tensor of {x.dim()}")
    strides, step = [0] * x.dim(), 1
    for axis in reversed(order):
        strides[axis] = step
        step *= x.size(axis)
    if all(size == 1 or own == wanted for size, own, wanted in zip(x.shape, x.stride(), strides)):
        return x
    return torch.empty_strided(x.shape, strides, dtype=x.dtype, device=x.device).copy_(x)


def _plan(x: Tensor, slopes: Tensor, strategy: str, learned: bool) -> _native.Plan:
    """Plans a dense tensor."""
    # Refuses a capture before the slopes are waited for.
    stream = _stream(x)
    host = on_host(slopes, x.dtype)
    shape, count = x.shape, host.numel()
    # Without a channel axis there is one slope.
    axis = 1 if len(shape) > 1 else 0
    shared = count == 1 and (axis == 0 or shape[1] != 1)
    values = (host.data_ptr(), count)
    return _native.plan(strategy, DTYPES[x.dtype], shape, x.stride(), axis, shared, learned, values, stream)


def _stream(x: Tensor) -> tuple[int, int] | None:
    """On a GPU, the device's index and its current stream. It must not be captured: slopes are read on the host, and what
    kernels look up is uploaded from there, so that a graph would keep the slopes of its capture."""
    if not x.is_cuda:
        return None
    if torch.cuda.is_current_stream_capturing():
        raise RuntimeError("prelu_mem cannot be captured into a CUDA graph: leave the layer out of it")
    device = x.get_device()
    return device, _raw_stream(device)


def _handle_of_current_stream(device: int) -> int:
    return torch.cuda.current_stream(device).cuda_stream  # type: ignore[no-any-return]


#: The handle of a device's current stream, without an object around it where PyTorch has that.
_raw_stream: Callable[[int], int] = getattr(torch._C, "_cuda_getCurrentRawStream", _handle_of_current_stream)
