"""Backward writes over the gradient that it is given only where nobody can see it."""

import pytest
import torch
from reference import same_bits
from torch import nn

from prelu_mem.torch import PReLU, kernels, ownership


@pytest.fixture
def addresses(monkeypatch):
    """Addresses of the gradients that the loops were given to overwrite."""
    # What a sole owner looks like is learned before: that sends gradients through the loops too.
    ownership._sole_owner()
    found = []

    def noting(loops):
        def noted(grad, *rest):
            # One of the two may call the other, with the same gradient.
            if found[-1:] != [grad.data_ptr()]:
                found.append(grad.data_ptr())
            return loops(grad, *rest)

        return noted

    for loops in (kernels.backward_, kernels.backward_by_plan_):
        monkeypatch.setattr(kernels, loops.__name__, noting(loops))
    return found


def hidden(shape=(2, 3, 4)):
    return torch.randn(shape, requires_grad=True) * 1


class Spy(torch.autograd.Function):
    """Notes where the gradient lies that it passes on."""

    @staticmethod
    def forward(ctx, x, seen):
        ctx.seen = seen
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        fresh = grad.clone()
        ctx.seen.append(fresh.data_ptr())
        return fresh, None


@pytest.mark.skipif(not ownership._COUNTS, reason="this PyTorch does not count owners: every gradient is copied")
def test_a_gradient_of_nobody_else_is_overwritten(addresses):
    seen = []
    Spy.apply(PReLU(3)(hidden()), seen).sum().backward()
    assert addresses == seen


def shared_with_another_branch(act, x, z):
    return act(x * 1) + act(z * 1)


def kept_by_a_hook(act, x, z):
    y = act(x * 1)
    y.register_hook(KEPT.append)
    return y * z


def retained(act, x, z):
    y = act(x * 1)
    y.retain_grad()
    OUTPUTS.append(y)
    return y * z


def views_of_one(act, x, z):
    return torch.stack((act(x * 1), act(z * 1)))


def passed_by_a_function_that_keeps_it(act, x, z):
    class Keeps(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            KEPT.append(grad)
            return grad

    return Keeps.apply(act(x * 1)) * z


KEPT: list[torch.Tensor] = []
OUTPUTS: list[torch.Tensor] = []
PROGRAMS = [shared_with_another_branch, kept_by_a_hook, retained, views_of_one, passed_by_a_function_that_keeps_it]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_gradient_that_others_see_stays_as_it_is(program):
    x, z = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    results = []
    for layer in (PReLU(3), nn.PReLU(3)):
        KEPT.clear()
        OUTPUTS.clear()
        leaves = [x.clone().requires_grad_(), z.clone().requires_grad_()]
        y = program(layer, *leaves)
        upstream = torch.linspace(-1, 1, y.numel()).view_as(y)
        before = upstream.clone()
        y.backward(upstream)
        assert same_bits(upstream, before)
        seen = [kept.clone() for kept in KEPT] + [output.grad.clone() for output in OUTPUTS]
        results.append([leaf.grad for leaf in leaves] + seen)
    assert all(same_bits(found, expected) for found, expected in zip(*results, strict=True))


def test_the_callers_own_gradient_stays_as_it_is():
    upstream = torch.randn(2, 3, 4)
    before = upstream.clone()
    PReLU(3)(hidden()).backward(upstream)
    assert same_bits(upstream, before)
    x = hidden()
    y = PReLU(3)(x)
    torch.autograd.grad(y, [y], upstream)
    assert same_bits(upstream, before)


def test_a_gradient_that_is_asked_for_as_well():
    for layer in (PReLU(3), nn.PReLU(3)):
        torch.manual_seed(3)
        leaf = torch.randn(2, 3, 4, requires_grad=True)
        y = layer(leaf * 1)
        z = y * 2
        of_z, of_y, of_leaf = torch.autograd.grad(z.sum(), [z, y, leaf])
        assert same_bits(of_z, torch.ones_like(z)) and same_bits(of_y, torch.full_like(y, 2.0))
        assert same_bits(of_leaf, torch.where(leaf > 0, 2.0, 0.5))


def test_where_owners_cannot_be_counted_every_gradient_is_copied(monkeypatch, addresses):
    monkeypatch.setattr(ownership, "_COUNTS", False)
    seen = []
    Spy.apply(PReLU(3)(hidden()), seen).sum().backward()
    assert addresses != seen
