"""In place next to things that need what is overwritten: the gradients of torch.nn.PReLU, or a RuntimeError."""

import pytest
import torch
from reference import check_slope_gradient, same_bits
from torch import nn
from torch.utils.checkpoint import checkpoint

from prelu_mem.torch import PReLU


def gradients(program, layer, *leaves):
    """The program's output and all gradients."""
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]
    layer.weight.grad = None
    y = program(layer, *leaves)
    y.backward(torch.linspace(-1, 1, y.numel()).view_as(y))
    return [y.detach(), layer.weight.grad, *(leaf.grad for leaf in leaves)]


def same_as_stock(program, *leaves, inplace=True):
    """Slopes of 0.25: the slope gradient's products are then exact, so that only its sum may round."""
    stock, ours = nn.PReLU(3), PReLU(3, inplace=inplace)
    for (found, expected), tolerance in zip(
        zip(gradients(program, ours, *leaves), gradients(program, stock, *leaves), strict=True), [0, 1e-5, *[1e-6] * 9]
    ):
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_after_sigmoid():
    """It reads its output in backward."""
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(lambda act, x: act(x.sigmoid()), PReLU(3), torch.randn(2, 3, 4))
    same_as_stock(lambda act, x: act(x.sigmoid()), torch.randn(2, 3, 4), inplace=False)


@pytest.mark.parametrize("producer", [torch.tanh, torch.exp, torch.relu, lambda x: torch.softmax(x, 1)])
def test_after_others_that_read_their_output(producer):
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(lambda act, x: act(producer(x)), PReLU(3), torch.randn(2, 3, 4))
    same_as_stock(lambda act, x: act(producer(x)), torch.randn(2, 3, 4), inplace=False)


def test_after_batch_norm_in_training():
    """It keeps its input, not its output."""
    torch.manual_seed(1)
    norms = [nn.BatchNorm2d(3), nn.BatchNorm2d(3)]
    x = torch.randn(4, 3, 5, 5)
    for train in (True, False):
        results = []
        for norm, layer in zip(norms, (PReLU(3), nn.PReLU(3)), strict=True):
            norm.train(train)
            results.append(gradients(lambda act, x, norm=norm: act(norm(x)), layer, x))
        for found, expected in zip(*results, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_on_a_leaf():
    x = torch.randn(2, 3, requires_grad=True)
    before = x.detach().clone()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        PReLU(3)(x)
    assert same_bits(x, before), "refused before anything was written"
    same_as_stock(lambda act, x: act(x), torch.randn(2, 3), inplace=False)


def test_a_leaf_is_a_normal_input_without_gradients():
    x = torch.randn(2, 3, requires_grad=True)
    expected = nn.PReLU(3)(x)
    with torch.no_grad():
        assert PReLU(3)(x) is x
    assert same_bits(x, expected)


def test_on_a_view():
    """The rest of the tensor that is looked at keeps its gradient, and reads what was written."""
    leaf = torch.randn(2, 6, 4)
    same_as_stock(lambda act, x: act((x * 1)[:, :3]), leaf)
    same_as_stock(lambda act, x: act((x * 1).view(2, 3, 8)), leaf)
    same_as_stock(lambda act, x: act((x * 1).transpose(1, 2)[:, 1:]), leaf)

    def whole(act, x):
        base = x * 1
        part = act(base[:, :3])
        # A program that means the same without writing in place.
        return base if isinstance(act, PReLU) else torch.cat((part, base[:, 3:]), 1)

    same_as_stock(whole, leaf)


def test_on_a_view_that_cannot_be_written_through():
    with pytest.raises(RuntimeError):
        gradients(lambda act, x: act((x * 1).split(3, 1)[0]), PReLU(3), torch.randn(2, 6, 4))
    with pytest.raises(RuntimeError, match="single memory location"):
        PReLU(3)((torch.randn(2, 3, 1, requires_grad=True) * 1).expand(2, 3, 5))


def test_on_a_residual_branch():
    """x is added after it was overwritten: what is added is the output, as after torch.nn.ReLU(inplace=True)."""
    conv = nn.Conv2d(3, 3, 3, padding=1)
    x = torch.randn(2, 3, 6, 6)

    def kept_by_a_convolution(act, x):
        # The identity branch feeds a convolution, which keeps its input, and the activation overwrites it.
        identity = x * 1
        return conv(identity) + act(identity)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(kept_by_a_convolution, PReLU(3), x)
    same_as_stock(kept_by_a_convolution, x, inplace=False)

    def as_written(act, x):
        hidden = x * 1
        out = act(hidden)
        return out + (hidden if isinstance(act, PReLU) else out)

    same_as_stock(as_written, x)


def test_input_reused_later():
    def kept_before(act, x):
        hidden = x * 1
        square = hidden * hidden
        return act(hidden) + square

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(kept_before, PReLU(3), torch.randn(2, 3, 4))
    same_as_stock(kept_before, torch.randn(2, 3, 4), inplace=False)

    def read_after(act, x):
        hidden = x * 1
        out = act(hidden)
        # In place, `hidden` is `out` from here on, its history included.
        return out * (hidden if isinstance(act, PReLU) else out)

    same_as_stock(read_after, torch.randn(2, 3, 4))


def test_an_output_that_is_overwritten_is_refused():
    """Backward reads it; strategies that do not are not concerned."""

    def program(act, x):
        return act(x * 1).add_(1)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(program, PReLU(3), torch.randn(2, 3, 4))
    gradients(program, PReLU(3, strategy="full-copy"), torch.randn(2, 3, 4))


def test_one_after_the_other():
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradients(lambda act, x: act(act(x * 1)), PReLU(3), torch.randn(2, 3, 4))
    same_as_stock(lambda act, x: act(act(x * 1)), torch.randn(2, 3, 4), inplace=False)


def test_slopes_that_change_between_forward_and_backward():
    """The gradients are those of the slopes that forward used, by whichever way they were written since."""
    x, upstream = torch.randn(2, 3, 50), torch.randn(2, 3, 50)
    for write in (lambda w: w.data.fill_(-0.5), lambda w: w.detach().copy_(torch.zeros(3)), lambda w: w.data.neg_()):
        for inplace in (True, False):
            layer = PReLU(3, init=0.3, inplace=inplace)
            before = layer.weight.detach().clone()
            leaf = x.clone().requires_grad_()
            y = layer(leaf * 1)
            write(layer.weight)
            y.backward(upstream)
            assert same_bits(leaf.grad, torch.where(x > 0, upstream, before.view(3, 1) * upstream))
            check_slope_gradient(layer.weight.grad, x, before, upstream)


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_that_begins_with_the_layer_is_refused(reentrant):
    """It would run again on what the first run has overwritten."""
    layer = PReLU(3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation|leaf Variable that requires grad"):
        x = torch.randn(2, 3, 4, requires_grad=True) * 1
        checkpoint(layer, x, use_reentrant=reentrant).sum().backward()
