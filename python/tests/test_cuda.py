"""On a GPU: the same kernels as the engine's, torch's memory and its current stream. Skipped, visibly, elsewhere."""

import copy
from functools import partial

import pytest
import torch
from reference import check_slope_gradient, same_bits, stock
from torch import nn

import prelu_mem
from prelu_mem.torch import PReLU, convert

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="SKIPPED: no CUDA device here")


@pytest.mark.parametrize("strategy", prelu_mem.strategies())
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_gradients(dtype, strategy):
    slopes = torch.tensor([0.3, -0.7, 0.0, 1.5, 0.089], dtype=dtype, device="cuda")
    for shape in ((3, 5), (2, 5, 7, 7), (2, 5, 33, 31)):
        x, upstream = torch.randn(shape, dtype=dtype, device="cuda"), torch.randn(shape, dtype=dtype, device="cuda")
        layer = PReLU(5, dtype=dtype, device="cuda", strategy=strategy)
        with torch.no_grad():
            layer.weight.copy_(slopes)
        leaf = x.clone().requires_grad_()
        y = layer(leaf * 1)
        y.backward(upstream)
        expected_y, expected_dx, _ = stock(x, slopes, upstream)
        assert same_bits(y, expected_y) and same_bits(leaf.grad, expected_dx)
        check_slope_gradient(layer.weight.grad, x, slopes, upstream)


def test_the_current_stream():
    """Work is put in the stream that is current, without waiting for others."""
    layer = PReLU(64, device="cuda")
    x = torch.randn(8, 64, 56, 56, device="cuda")
    expected = nn.functional.prelu(x, layer.weight)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream), torch.no_grad():
        torch.cuda._sleep(10_000_000)
        y = layer(x.mul_(2).div_(2))
    stream.synchronize()
    assert same_bits(y, expected)


def test_slopes_that_an_optimizer_changes():
    layer = PReLU(3, device="cuda")
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    for _ in range(3):
        x = torch.randn(2, 3, 4, device="cuda")
        y = layer(x.clone())
        assert same_bits(y, nn.functional.prelu(x, layer.weight))
        y.sum().backward()
        optimizer.step()


# Fused: else AdamW itself waits for its count of steps, which it makes on the GPU below.
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, partial(torch.optim.AdamW, fused=True)], ids=["SGD", "AdamW"])
def test_slopes_are_copied_once_per_step(optimizer):
    """In one piece behind the optimizer's step: PyTorch sees no layer wait for the device. What is written by hand is seen too."""
    model = nn.Sequential(*(PReLU(channels, inplace=False, device="cuda") for channels in (4, 1, 4)))
    optimizer = optimizer(model.parameters(), lr=0.1)

    def step():
        x = torch.randn(2, 4, 6, device="cuda")
        y, expected = model(x * 1), x
        for layer in model:
            expected = nn.functional.prelu(expected, layer.weight)
        y.square().sum().backward()
        return y, expected

    step()
    # Where new tensors are made on the GPU, what is copied to the host is not.
    with torch.device("cuda"):
        optimizer.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        results = [step() for _ in range(2)]
        optimizer.step()
        results.append(step())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    with torch.no_grad():
        model[1].weight.mul_(-2)
    for y, expected in [*results, step()]:
        assert same_bits(y, expected)


def test_a_graph_is_refused(monkeypatch):
    """It would keep the slopes of its capture, and read host memory that is gone by then."""
    layer = PReLU(3, inplace=False, device="cuda")
    x = torch.randn(2, 3, 4, device="cuda")
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    for learned in (True, False):
        layer.weight.requires_grad_(learned)
        with pytest.raises(RuntimeError, match="CUDA graph"):
            layer(x)


def test_memory():
    """conv - PReLU - conv: the output and the bits, allocated by torch."""
    x = torch.randn(8, 64, 112, 112, device="cuda", requires_grad=True)
    layer = PReLU(64, device="cuda", strategy="bitmask")
    hidden = x * 1
    before = torch.cuda.memory_allocated()
    y = layer(hidden)
    assert torch.cuda.memory_allocated() - before <= x.numel() / 8 + 4096
    assert y is hidden


def test_a_model_in_half_precision():
    torch.manual_seed(0)
    stock_model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.PReLU(8), nn.Conv2d(8, 8, 3)).cuda()
    ours = convert(copy.deepcopy(stock_model))
    x = torch.randn(2, 3, 12, 12, device="cuda")
    for model in (stock_model, ours):
        with torch.autocast("cuda", torch.float16):
            y = model(x)
        y.float().square().sum().backward()
    for found, expected in zip(ours.parameters(), stock_model.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-2, atol=1e-2)
