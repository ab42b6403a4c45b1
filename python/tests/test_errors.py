"""The exceptions of torch.nn.PReLU where it raises, and messages that name the value."""

import pytest
import torch
from torch import nn

from prelu_mem.torch import PReLU, convert, prelu

X = torch.randn(2, 3, 4)


def of_both(make_input, channels=3, weight=None):
    """The type that the stock layer raises, and our exception."""
    caught = []
    for kind in (nn.PReLU, PReLU):
        layer = kind(channels)
        if weight is not None:
            layer.weight = nn.Parameter(weight, requires_grad=False)
        with pytest.raises(Exception) as information:
            layer(make_input())
        caught.append(information.value)
    # Some releases of PyTorch raise a plain RuntimeError where others say NotImplementedError, which is one.
    assert isinstance(caught[1], type(caught[0]))
    return str(caught[1])


def test_a_wrong_number_of_parameters():
    message = of_both(lambda: torch.randn(2, 4))
    assert "parameter numbers = 3" in message and "channel size = 4" in message
    assert "channel size = 1" in of_both(lambda: torch.randn(3))
    assert "3" in of_both(lambda: torch.tensor(1.0))
    assert "channel size = 3" in of_both(lambda: torch.randn(2, 3), weight=torch.ones(0))
    assert "ndim = 2" in of_both(lambda: torch.randn(2, 3), weight=torch.ones(3, 1))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, torch.float64, torch.bfloat16])
def test_a_dtype_that_differs_from_the_parameters(dtype):
    assert str(dtype) in of_both(lambda: torch.ones(2, 3, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.float8_e4m3fn])
def test_a_dtype_without_loops(dtype):
    assert str(dtype) in of_both(lambda: torch.ones(2, 3).to(dtype), weight=torch.ones(3).to(dtype))


def test_sparse_tensors():
    assert "torch.sparse_coo" in of_both(lambda: torch.ones(2, 3).to_sparse())
    assert "torch.sparse_csr" in of_both(lambda: torch.ones(2, 3).to_sparse_csr())


def test_what_is_no_tensor():
    assert "list" in of_both(lambda: [1.0])
    with pytest.raises(TypeError, match="'weight' must be Tensor, not list"):
        prelu(X, [0.25] * 3)


def test_meta_tensors():
    """The stock layer infers the shape, and so does ours; a mixture is refused by both."""
    y = PReLU(3, device="meta")(torch.ones(2, 3, device="meta"))
    assert y.shape == (2, 3) and y.device.type == "meta"
    message = of_both(lambda: torch.ones(2, 3, device="meta"))
    assert "meta" in message and "cpu" in message


@pytest.mark.parametrize("name", ["bitmap", "", "ADAPTIVE"])
def test_an_unknown_strategy(name):
    for make in (lambda: PReLU(3, strategy=name), lambda: prelu(X, torch.ones(3), name), lambda: convert(nn.PReLU(), strategy=name)):
        with pytest.raises(ValueError, match=f"'{name}'.*bitmask.*adaptive"):
            make()


def test_the_stash_needs_what_there_is_none_of():
    with pytest.raises(ValueError, match="'diff-stash'.*'full-copy'"):
        PReLU(3, strategy="diff-stash")


@pytest.mark.parametrize("arguments", [(-1,), (1.5,), (2, 0.25, None, torch.int32)])
def test_constructors_refuse_alike(arguments):
    caught = []
    for kind in (nn.PReLU, PReLU):
        with pytest.raises(Exception) as information:
            kind(*arguments)
        caught.append(type(information.value))
    assert caught[0] is caught[1]


def test_more_axes_than_the_engine_takes():
    with pytest.raises(ValueError, match="9 axes"):
        PReLU()(torch.ones([1] * 9))


def test_a_refusal_leaves_the_input_alone():
    x = X.clone()
    with pytest.raises(RuntimeError):
        PReLU(4)(x)
    assert x._version == 0 and torch.equal(x, X)
