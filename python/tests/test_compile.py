"""torch.compile(fullgraph=True) with inductor against eager: values and gradients, both sides in one test."""

import copy

import pytest
import torch
import torch._dynamo
from reference import same_bits
from torch import nn

from prelu_mem.torch import PReLU, convert

pytestmark = pytest.mark.filterwarnings("ignore")


def network(activation):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), activation(8), nn.Conv2d(8, 8, 3), activation(1), nn.Flatten(), nn.Linear(8 * 64, 5)
    )


def both(model, compiled, *inputs):
    """Outputs and gradients of the eager and of the compiled side."""
    results = []
    for run in (model, compiled):
        model.zero_grad()
        leaves = [value.clone().requires_grad_() for value in inputs]
        y = run(*leaves)
        y.square().sum().backward()
        results.append([y.detach(), *(p.grad.clone() for p in model.parameters()), *(leaf.grad for leaf in leaves)])
    return results


def assert_same(eager, compiled, tolerance=1e-5):
    for expected, found in zip(eager, compiled, strict=True):
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.fixture(autouse=True)
def fresh():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("strategy", ["adaptive", "full-copy"])
@pytest.mark.parametrize("inplace", [True, False])
def test_inductor_against_eager(strategy, inplace):
    model = network(lambda n: PReLU(n, init=0.3, strategy=strategy, inplace=inplace))
    compiled = torch.compile(model, fullgraph=True, backend="inductor")
    assert_same(*both(model, compiled, torch.randn(2, 3, 12, 12)))


def test_slopes_of_other_classes_need_no_new_graph():
    """How much is saved changes with the slopes; the compiled graph stays."""
    from torch._dynamo.testing import CompileCounterWithBackend

    counter = CompileCounterWithBackend("inductor")
    model = network(lambda n: PReLU(n))
    compiled = torch.compile(model, fullgraph=True, backend=counter)
    x = torch.randn(2, 3, 12, 12)
    for slopes in ([0.25] * 8, [-0.5] * 8, [0.0] * 8, [0.3, -0.7, 0.0, 2.0, 1e-30, 0.1, -3.0, 0.5]):
        model[1].weight.data.copy_(torch.tensor(slopes))
        assert_same(*both(model, compiled, x))
    assert counter.frame_count == 1


def test_without_the_option_values_are_the_same():
    """Sizes that are known at run time are not captured unless fullgraph or the option asks for them: graphs break."""
    model = network(lambda n: PReLU(n, init=0.3))
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=False):
        assert_same(*both(model, torch.compile(model, backend="inductor"), torch.randn(2, 3, 12, 12)))


def test_autocast():
    model = network(lambda n: PReLU(n, init=0.3))

    def run(run):
        def narrow(x):
            with torch.autocast("cpu", torch.bfloat16):
                return run(x)

        return narrow

    compiled = torch.compile(run(model), fullgraph=True, backend="inductor")
    x = torch.randn(2, 3, 12, 12)
    (eager, found) = both(model, run(model), x)[0], both(model, compiled, x)[1]
    for expected, value in zip(eager, found, strict=True):
        # Inductor rounds to bf16 less often than eager mode: some roundings of 2^-8 of the largest value.
        scale = float(expected.float().abs().max())
        torch.testing.assert_close(value.float(), expected.float(), rtol=0.05, atol=0.1 * scale)


class Residual(nn.Module):
    """The input is read after it was overwritten: both sides have to read the same."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.act = PReLU(3, init=0.3)

    def forward(self, x):
        hidden = self.conv(x)
        return self.act(hidden) * 2 + hidden


def test_an_input_that_is_read_afterwards():
    model = Residual()
    compiled = torch.compile(model, fullgraph=True, backend="inductor")
    assert_same(*both(model, compiled, torch.randn(2, 3, 6, 6)))


def test_an_input_of_the_graph_is_overwritten():
    """As in eager mode, what the caller passed holds the output afterwards."""
    layer = PReLU(3, init=0.3)
    compiled = torch.compile(layer, fullgraph=True, backend="inductor")
    x = torch.randn(2, 3, 4)
    expected, given = layer(x.clone()), x.clone()
    found = compiled(given)
    assert same_bits(found, expected) and same_bits(given, expected)


def test_dynamic_shapes_and_channels_last():
    model = network(lambda n: PReLU(n, init=0.3))[:4].to(memory_format=torch.channels_last)
    compiled = torch.compile(model, fullgraph=True, backend="inductor", dynamic=True)
    for batch, size in ((2, 12), (5, 9), (3, 20)):
        x = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
        assert_same(*both(model, compiled, x))


def test_without_gradients():
    model = network(lambda n: PReLU(n, init=-0.3))
    compiled = torch.compile(model, fullgraph=True, backend="inductor")
    x = torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x))


def test_frozen_slopes():
    model = network(lambda n: PReLU(n, init=-0.3))
    for layer in (model[1], model[3]):
        layer.weight.requires_grad_(False)
    compiled = torch.compile(model, fullgraph=True, backend="inductor")
    x = torch.randn(2, 3, 12, 12, requires_grad=True)
    gradients = []
    for run in (model, compiled):
        gradients.append(torch.autograd.grad(run(x).square().sum(), x)[0])
    torch.testing.assert_close(*gradients)


def test_a_converted_model_against_the_stock_one():
    stock = network(nn.PReLU)
    ours = convert(copy.deepcopy(stock))
    x = torch.randn(2, 3, 12, 12)
    expected = both(stock, torch.compile(stock, fullgraph=True, backend="inductor"), x)[1]
    found = both(ours, torch.compile(ours, fullgraph=True, backend="inductor"), x)[1]
    assert_same(expected, found, 1e-4)


def test_checkpointing_within_a_compiled_graph():
    from torch.utils.checkpoint import checkpoint

    model = network(lambda n: PReLU(n, init=0.3))

    def run(x):
        return model[4:](checkpoint(model[:4], x, use_reentrant=False))

    assert_same(*both(model, torch.compile(run, fullgraph=True, backend="inductor"), torch.randn(2, 3, 12, 12)))
