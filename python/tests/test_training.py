"""What trains a network around the layer: autocast, loss scaling, accumulation, checkpointing, copies."""

import copy
import io
import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from reference import same_bits
from torch import nn
from torch.utils.checkpoint import checkpoint

import prelu_mem
from prelu_mem import _native
from prelu_mem.torch import PReLU


def network(activation):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), activation(8), nn.Conv2d(8, 8, 3), activation(8), nn.Flatten(),
        nn.Linear(8 * 8 * 8, 16), activation(16), nn.Linear(16, 4),
    )  # fmt: skip


def images():
    return torch.randn(4, 3, 12, 12)


def assert_close(left, right, tolerance):
    for found, expected in zip(left.parameters(), right.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype):
    """dx is the same bits, so that only the slopes' gradients differ: by the rounding of y, in the stock layer's case
    also by that of the gradient itself."""
    x = images()
    ours, stock = network(PReLU), network(nn.PReLU)
    for model in (ours, stock):
        with torch.autocast("cpu", dtype):
            y = model(x)
        assert y.dtype == dtype
        y.float().square().sum().backward()
    for name, parameter in ours.named_parameters():
        expected = dict(stock.named_parameters())[name].grad
        assert parameter.grad.dtype == torch.float32
        if parameter.dim() == 1 and name.split(".")[0] in ("2", "4", "7") and name.endswith("weight"):
            torch.testing.assert_close(parameter.grad, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
        else:
            assert same_bits(parameter.grad, expected), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_of_a_wider_input(dtype):
    """The stock layer hands on the narrow dtype, and so does ours; the input it cannot overwrite stays."""
    x = torch.randn(2, 3, 5, requires_grad=True)
    before = x.detach().clone()
    with torch.autocast("cpu", dtype):
        expected, found = nn.PReLU(3)(x), PReLU(3)(x)
    assert found.dtype == expected.dtype == dtype and same_bits(found, expected)
    assert same_bits(x, before)
    found.float().sum().backward()
    assert x.grad.dtype == torch.float32


def test_grad_scaler():
    """Scaled gradients, an overflow that is skipped, and the step."""
    ours, stock = network(PReLU), network(nn.PReLU)
    results = []
    for model in (ours, stock):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2)
        scales = []
        for step in range(4):
            torch.manual_seed(step)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.float16):
                loss = model(images()).float().square().mean()
            scaler.scale(loss * (float("inf") if step == 1 else 1)).backward()
            scaler.step(optimizer)
            scaler.update()
            scales.append(scaler.get_scale())
        results.append(scales)
    assert results[0] == results[1] and results[0][1] < results[0][0], "the overflow was seen"
    for found, expected in zip(ours.parameters(), stock.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)


def test_gradient_accumulation():
    ours, stock = network(PReLU), network(nn.PReLU)
    for step in range(3):
        torch.manual_seed(step)
        x = images()
        ours(x).square().sum().backward()
        stock(x).square().sum().backward()
    assert_close(ours, stock, 1e-4)


@pytest.mark.parametrize("determinism_check", ["default", "none"])
def test_activation_checkpointing(determinism_check):
    """Non-reentrant: the block is run again in backward, in place again."""
    ours, stock = network(PReLU), network(nn.PReLU)
    x = images()
    y = checkpoint(ours[:5], x, use_reentrant=False, determinism_check=determinism_check)
    y = checkpoint(ours[5:], y * 1, use_reentrant=False, determinism_check=determinism_check)
    y.square().sum().backward()
    stock(x).square().sum().backward()
    assert_close(ours, stock, 1e-4)


def test_saved_tensors_may_be_moved_meanwhile():
    ours, stock = network(PReLU), network(nn.PReLU)
    x = images()
    with torch.autograd.graph.save_on_cpu():
        y = ours(x)
    y.square().sum().backward()
    stock(x).square().sum().backward()
    assert_close(ours, stock, 1e-4)


def test_retained_graphs_may_be_walked_twice():
    ours, stock = PReLU(3), nn.PReLU(3)
    x, upstream = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    for layer in (ours, stock):
        y = layer(x * 1)
        y.backward(upstream, retain_graph=True)
        y.backward(upstream)
    torch.testing.assert_close(ours.weight.grad, stock.weight.grad)


def test_checkpoints_load_both_ways():
    ours, stock = network(PReLU), network(nn.PReLU)
    for parameter in ours.parameters():
        nn.init.uniform_(parameter)
    assert list(ours.state_dict()) == list(stock.state_dict())
    stock.load_state_dict(ours.state_dict())
    assert all(same_bits(a, b) for a, b in zip(stock.parameters(), ours.parameters(), strict=True))
    network(PReLU).load_state_dict(stock.state_dict(), strict=True)


def test_copies_and_pickles():
    layer = PReLU(3, init=0.3, strategy="bitmask", inplace=False)
    x = torch.randn(2, 3, 4)
    layer(x)
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    copies = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(buffer, weights_only=False)]
    for other in copies:
        assert (other.strategy, other.inplace) == ("bitmask", False)
        assert other.weight is not layer.weight and same_bits(other(x), layer(x))
        other.weight.data.fill_(-1)
    assert float(layer.weight.detach()[0]) == pytest.approx(0.3)


def test_arguments_are_those_of_the_stock_layer():
    layer = PReLU(4, 0.1, "cpu", torch.float64)
    assert isinstance(layer, nn.PReLU)
    assert (layer.num_parameters, layer.init, layer.weight.dtype) == (4, 0.1, torch.float64)
    assert repr(layer) == "PReLU(num_parameters=4, strategy='adaptive', inplace=True)"
    layer.weight.data.fill_(7)
    layer.reset_parameters()
    assert same_bits(layer.weight, torch.full((4,), 0.1, dtype=torch.float64))


@pytest.mark.parametrize("inplace", [True, False])
def test_slopes_are_planned_once_per_version(inplace):
    layer = PReLU(24, init=0.123456 + inplace, inplace=inplace)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    x = torch.randn(2, 24, 7, 7)
    for _ in range(3):
        before = _native.plans_made()
        for _ in range(10):
            layer(x * 1).square().sum().backward()
        assert _native.plans_made() == before + 1, "one plan for ten passes forward and backward"
        optimizer.step()
    layer.weight.data.mul_(0.5)
    layer(x * 1)
    assert _native.plans_made() == before + 2, "a change that the version counter does not see"


def test_threads_survive_a_fork():
    """A worker process that is forked has threads of its own for the loops. (PyTorch's do not survive: NumPy's side.)"""
    x = np.random.default_rng(0).standard_normal((8, 64, 56, 56), dtype=np.float32)
    expected = x.copy()
    prelu_mem.forward_(expected, 0.25, threads=2)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def work():
        prelu_mem.forward_(x, 0.25, threads=2)
        queue.put(bool((x == expected).all()))

    process = context.Process(target=work, daemon=True)
    process.start()
    process.join(30)
    if process.exitcode is None:
        process.kill()
    assert process.exitcode == 0 and queue.get()


def test_every_strategy_is_named():
    assert prelu_mem.strategies() == ["full-copy", "int8-mask", "bitmask", "output-sign", "adaptive"]
