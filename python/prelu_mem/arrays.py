"""PReLU on NumPy arrays, in place: forward saves what backward needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from prelu_mem import _native

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

#: NumPy's dtypes by the engine's names. ``bfloat16`` is the one of the package ml_dtypes.
_DTYPES = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64"}


class Saved:
    """What one call of :func:`forward_` saved. Spent by :func:`backward_`."""

    def __init__(self, plan: _native.Plan, words: NDArray[np.uint8], layout: _Layout, slopes: int) -> None:
        self._plan = plan
        self._words: NDArray[np.uint8] | None = words
        self._layout = layout
        self._slopes = slopes

    @property
    def nbytes(self) -> int:
        """Bytes saved beside the output."""
        return self._plan.saved_bytes

    @property
    def needs_output(self) -> bool:
        """Whether backward reads the output."""
        return self._plan.needs_output

    @property
    def elements(self) -> tuple[int, int, int]:
        """Elements of derived, encoded and kept channels."""
        return self._plan.elements


class _Layout:
    """Shape, strides and dtype: equal for tensors whose elements correspond in memory."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.dtype = array.dtype
        self.shape = array.shape
        self.strides = tuple(stride // array.itemsize for stride in array.strides)

    def accept(self, what: str, array: NDArray[Any], *, written: bool) -> int:
        """The array's address, where it is laid out like this."""
        _check(what, array, written=written)
        other = _Layout(array)
        # Strides of axes of size 1 mean nothing.
        own = [step for step, size in zip(self.strides, self.shape, strict=True) if size != 1]
        got = [step for step, size in zip(other.strides, other.shape, strict=True) if size != 1]
        if other.dtype != self.dtype or other.shape != self.shape or (array.size and own != got):
            raise ValueError(
                f"{what}: expected {self.dtype} of shape {self.shape} with strides {self.strides} (in elements), "
                f"got {other.dtype} of shape {other.shape} with strides {other.strides}"
            )
        return int(array.ctypes.data)


def forward_(
    x: NDArray[Any],
    slopes: ArrayLike,
    *,
    axis: int = 1,
    strategy: str = "adaptive",
    learned: bool = True,
    threads: int | None = None,
) -> Saved:
    """Overwrites ``x`` with ``y = x`` where ``x > 0``, else ``slope * x``, and saves what backward needs.

    ``slopes`` are one per element of ``axis``, or a single value that is shared. ``x`` is of float16, float32,
    float64 or ml_dtypes' bfloat16, without gaps, its axes in any order in memory. ``learned=False`` freezes
    the slopes: backward then owes them no gradient, and less is saved.

    Raises ``TypeError`` for what is no such array, ``ValueError`` for another number of slopes, an unknown
    strategy or an array with gaps.
    """
    import numpy as np

    dtype = _check("x", x, written=True)
    if x.ndim and not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis {axis} is out of range for shape {x.shape}")
    # An array without axes is one element of one channel.
    shape, axis = (x.shape, axis % x.ndim) if x.ndim else ((1,), 0)
    values = np.ascontiguousarray(np.asarray(slopes, dtype=x.dtype).reshape(-1))
    shared = np.ndim(slopes) == 0 or values.size == 1
    if not shared and values.size != shape[axis]:
        raise ValueError(f"expected 1 or {shape[axis]} slopes for shape {shape}, got {values.size}")
    layout = _Layout(x)
    plan = _native.plan(
        strategy, dtype, shape, layout.strides or (1,), axis, shared, learned, (values.ctypes.data, values.size)
    )
    words = _aligned(plan.saved_bytes)
    plan.forward(layout.accept("x", x, written=True), (words.ctypes.data, words.nbytes), _threads(threads))
    return Saved(plan, words, layout, values.size if learned else 0)


def backward_(
    saved: Saved, grad: NDArray[Any], output: NDArray[Any] | None = None, *, threads: int | None = None
) -> NDArray[np.float64] | None:
    """Overwrites the upstream gradient ``grad`` with the input gradient; returns the slope gradient.

    ``output`` is the array that forward wrote, unchanged; it is read where :attr:`Saved.needs_output`. Both are
    laid out as ``x`` was. The slope gradient has one value per slope, in float64; frozen slopes have none.

    Raises ``RuntimeError`` for a state that is spent, ``ValueError`` for arrays of another shape, dtype or layout.
    """
    import numpy as np

    if saved._words is None:
        raise RuntimeError("this saved state is spent: run forward_ again before another backward_")
    if output is None and saved.needs_output:
        raise ValueError("backward_ reads the output here: pass the array that forward_ wrote")
    at = saved._layout.accept("grad", grad, written=True)
    read = None if output is None else saved._layout.accept("output", output, written=False)
    if output is not None and np.may_share_memory(grad, output):
        raise ValueError("grad and output lie in the same memory: backward_ writes the one and reads the other")
    sums = np.empty(saved._slopes, dtype=np.float64) if saved._slopes else None
    words, saved._words = saved._words, None
    state = (words.ctypes.data, words.nbytes)
    saved._plan.backward(at, read, state, None if sums is None else sums.ctypes.data, _threads(threads))
    return sums


def _check(what: str, array: NDArray[Any], *, written: bool) -> str:
    """The engine's name of the array's dtype."""
    import numpy as np

    if not isinstance(array, np.ndarray):
        raise TypeError(f"{what} has to be a numpy.ndarray, not {type(array).__name__}")
    dtype = _DTYPES.get(array.dtype.name)
    if dtype is None or not array.dtype.isnative:
        raise TypeError(f"{what} is of {array.dtype!r}; {', '.join(_DTYPES)} in native byte order are accepted")
    if written and not array.flags.writeable:
        raise ValueError(f"{what} is read-only")
    return dtype


def _aligned(size: int) -> NDArray[np.uint8]:
    """Bytes that begin at a multiple of 64."""
    import numpy as np

    room = np.empty(size + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size]


def _threads(threads: int | None) -> int:
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads
