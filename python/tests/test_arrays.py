"""The NumPy functions, with and without PyTorch on the path."""

import subprocess
import sys

import numpy as np
import pytest

import prelu_mem

STRATEGIES = prelu_mem.strategies()


def oracle(x, slopes, upstream, axis):
    shape = [1] * x.ndim
    shape[axis] = -1
    a = np.asarray(slopes, dtype=x.dtype)
    spread = a.reshape(shape) if a.size > 1 else a.reshape([1] * x.ndim)
    with np.errstate(all="ignore"):
        y = np.where(x > 0, x, spread * x)
        dx = np.where(x > 0, upstream, spread * upstream)
        terms = np.where(x > 0, 0, upstream.astype(np.float64) * x.astype(np.float64))
    sum_over = tuple(k for k in range(x.ndim) if k != axis) if a.size > 1 else None
    return y, dx, terms.sum(axis=sum_over).reshape(-1)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), [((5,), 0), ((4, 3), 1), ((3, 4, 6), 0), ((2, 3, 5, 7), -2), ((2, 3, 70), 1)])
def test_against_the_formula(strategy, dtype, shape, axis):
    random = np.random.default_rng(0)
    for order in "CF":
        for slopes in (0.3, np.resize([0.3, -0.7, 0.0, 2.0, 0.089], shape[axis])):
            x = np.asarray(random.standard_normal(shape), dtype=dtype, order=order)
            upstream = np.asarray(random.standard_normal(shape), dtype=dtype, order=order)
            y, dx, da = oracle(x, slopes, upstream, axis % len(shape))
            saved = prelu_mem.forward_(x, slopes, axis=axis, strategy=strategy, threads=2)
            np.testing.assert_array_equal(x, y)
            found = prelu_mem.backward_(saved, upstream, x if saved.needs_output else None, threads=1)
            np.testing.assert_array_equal(upstream, dx)
            unit = np.finfo(dtype).eps / 2
            np.testing.assert_allclose(found, da, rtol=0, atol=x.size * 16 * unit)


def test_what_is_saved():
    sizes = {}
    for strategy in STRATEGIES:
        x = np.ones((4, 64, 32), dtype=np.float32)
        sizes[strategy] = prelu_mem.forward_(x, np.full(64, 0.25), strategy=strategy).nbytes
    assert sizes == {"full-copy": 4 * 8192, "int8-mask": 8192, "bitmask": 1024, "output-sign": 0, "adaptive": 0}
    saved = prelu_mem.forward_(np.ones((4, 4, 32), dtype=np.float32), [0.25, -0.25, 0.0, 5.0])
    assert saved.elements == (128, 128, 256) and saved.nbytes == 64 + 256 * 4


def test_frozen_slopes():
    x, grad = np.float32([[-1, 2]]), np.float32([[3, 3]])
    saved = prelu_mem.forward_(x, 0.0, learned=False)
    assert saved.nbytes == 0
    assert prelu_mem.backward_(saved, grad, x) is None
    assert grad.tolist() == [[0, 3]]


def test_bfloat16_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.array([[-1, 2]], dtype=ml_dtypes.bfloat16)
    prelu_mem.forward_(x, 0.25)
    assert x.astype(np.float32).tolist() == [[-0.25, 2]]


def test_no_axes_and_no_elements():
    x = np.array(-2.0)
    prelu_mem.backward_(prelu_mem.forward_(x, 0.5), np.array(1.0), x)
    assert x == -1
    empty = np.zeros((0, 3), dtype=np.float32)
    assert prelu_mem.backward_(prelu_mem.forward_(empty, [1.0, 2.0, 3.0]), empty.copy(), empty).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0], 0.25), TypeError, "list"),
        ((np.ones(3, dtype=np.int64), 0.25), TypeError, "int64"),
        ((np.ones(3, dtype=">f4"), 0.25), TypeError, "f4"),
        ((np.ones((2, 3)), [0.25, 0.5]), ValueError, "got 2"),
        ((np.ones((4, 6))[:, ::2], 0.25), ValueError, "gaps"),
        ((np.broadcast_to(np.ones(3), (2, 3)), 0.25), ValueError, "read-only"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=message):
        prelu_mem.forward_(*arguments)


def test_refused_options():
    x = np.ones((2, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="axis 2"):
        prelu_mem.forward_(x, 0.25, axis=2)
    with pytest.raises(ValueError, match="'nothing'"):
        prelu_mem.forward_(x, 0.25, strategy="nothing")
    with pytest.raises(ValueError, match="0 threads"):
        prelu_mem.forward_(x, 0.25, threads=0)


def test_backward_refuses_what_does_not_belong():
    x = np.ones((2, 3), dtype=np.float32)
    saved = prelu_mem.forward_(x, 0.25)
    with pytest.raises(ValueError, match="reads the output"):
        prelu_mem.backward_(saved, x.copy())
    for grad in (np.ones((3, 2), dtype=np.float32), np.ones((2, 3)), np.ones((2, 3), dtype=np.float32, order="F")):
        with pytest.raises(ValueError, match="grad: expected"):
            prelu_mem.backward_(saved, grad, x)
    with pytest.raises(ValueError, match="same memory"):
        prelu_mem.backward_(saved, x, x)
    prelu_mem.backward_(saved, x.copy(), x)
    with pytest.raises(RuntimeError, match="spent"):
        prelu_mem.backward_(saved, x.copy(), x)


def test_pytorch_is_optional():
    program = """
import sys
sys.modules["torch"] = None
import numpy as np, prelu_mem
x = np.float32([[-1, 2]])
saved = prelu_mem.forward_(x, 0.25)
assert x.tolist() == [[-0.25, 2]]
try:
    import prelu_mem.torch
except ImportError as error:
    assert "torch" in str(error)
else:
    raise SystemExit("imported without PyTorch")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
