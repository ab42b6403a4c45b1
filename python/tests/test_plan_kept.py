"""Forward's plan in backward's hands, and every case in which backward has to go by what travels with the saved state."""

import contextlib

import pytest
import torch
from reference import check_slope_gradient, same_bits, stock
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from prelu_mem.torch import kernels, ownership, prelu
from prelu_mem.torch.dispatch import kept_as_saved

SLOPES = torch.tensor([0.25, -0.5, 0.0])
X = torch.linspace(-2, 3, 2 * 3 * 4 * 5).view(2, 3, 4, 5)
UPSTREAM = torch.linspace(1, -2, X.numel()).view_as(X)

#: PyTorch tells whether hooks take what is saved from some release on only.
TELLS = kept_as_saved()


@pytest.fixture
def ways(monkeypatch):
    """The names of what backward has called."""
    # What a sole owner looks like is learned before: that sends gradients through the loops too.
    ownership._sole_owner()
    found = []
    for name in ("backward_", "backward_by_plan_"):
        loops = getattr(kernels, name)

        def noted(*arguments, name=name, loops=loops):
            found.append(name)
            return loops(*arguments)

        monkeypatch.setattr(kernels, name, noted)
    return found


def forward(strategy="bitmask"):
    x, slopes = X.clone().requires_grad_(), SLOPES.clone().requires_grad_()
    return x, slopes, prelu(x * 1, slopes, strategy, inplace=True)


def check(x, slopes):
    _, dx, _ = stock(X, SLOPES, UPSTREAM)
    assert same_bits(x.grad, dx)
    check_slope_gradient(slopes.grad, X, SLOPES, UPSTREAM)


@pytest.mark.parametrize("hooks", [False, True], ids=["kept by autograd", "taken by hooks"])
def test_the_way_is_chosen_by_who_keeps_what_is_saved(ways, hooks):
    context = contextlib.nullcontext()
    if hooks:
        context = torch.autograd.graph.saved_tensors_hooks(lambda saved: saved.clone(), lambda saved: saved)
    with context:
        x, slopes, y = forward()
    y.backward(UPSTREAM)
    check(x, slopes)
    assert ways == (["backward_by_plan_"] if TELLS and not hooks else ["backward_"])


@pytest.mark.parametrize("reentrant", [False, True])
def test_slopes_that_change_between_a_checkpoint_and_its_second_forward_pass(reentrant):
    """What is saved then is the second pass's."""
    x, slopes = X.clone().requires_grad_(), SLOPES.clone().requires_grad_()
    y = checkpoint(lambda x: prelu(x * 1, slopes, "bitmask", inplace=True), x, use_reentrant=reentrant)
    with torch.no_grad():
        slopes.copy_(torch.tensor([-0.5, 0.0, 0.25]))
    y.backward(UPSTREAM)
    _, dx, _ = stock(X, slopes.detach(), UPSTREAM)
    assert same_bits(x.grad, dx)
    check_slope_gradient(slopes.grad, X, slopes.detach(), UPSTREAM)


def test_slopes_that_change_between_the_passes():
    """The input gradient is of the slopes that forward had, as with torch.nn.PReLU's saved weight."""
    x, slopes, y = forward()
    with torch.no_grad():
        slopes.data.copy_(torch.tensor([-0.5, 0.0, 0.25]))
    y.backward(UPSTREAM)
    check(x, slopes)


@pytest.mark.parametrize("strategy", ["bitmask", "full-copy"])
def test_a_gradient_that_lies_otherwise(ways, strategy):
    x, slopes, y = forward(strategy)
    y.backward(UPSTREAM.contiguous(memory_format=torch.channels_last))
    check(x, slopes)
    assert "backward_" in ways


@pytest.mark.parametrize("strategy", ["bitmask", "full-copy"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.complex64])
def test_a_gradient_of_another_dtype_is_refused(strategy, dtype):
    """Autograd converts gradients; who calls the node himself does not."""
    _, _, y = forward(strategy)
    with pytest.raises(RuntimeError, match="differ|saved state"):
        y.grad_fn.apply(UPSTREAM.to(dtype))


@pytest.mark.parametrize("change", [torch.Tensor.half, torch.Tensor.double, lambda saved: saved[:1].clone()])
def test_an_output_that_comes_back_as_another_tensor_is_refused(change):
    _, _, y = forward()
    y.grad_fn._raw_saved_tensors[0].register_hooks(change, lambda saved: saved)
    with pytest.raises(RuntimeError, match="differ"):
        y.backward(UPSTREAM)


def test_an_output_that_comes_back_negated_when_read():
    x, slopes, y = forward()
    y.grad_fn._raw_saved_tensors[0].register_hooks(lambda saved: -saved, torch._neg_view)
    y.backward(UPSTREAM)
    check(x, slopes)


@pytest.mark.parametrize("late", [True, False])
def test_a_state_that_comes_back_as_another_tensor_is_refused(late):
    def change(saved):
        return saved.float() if saved.dtype is torch.uint8 else saved

    context = contextlib.nullcontext() if late else torch.autograd.graph.saved_tensors_hooks(change, lambda saved: saved)
    with context:
        _, _, y = forward()
    if late:
        y.grad_fn._raw_saved_tensors[1].register_hooks(change, lambda saved: saved)
    with pytest.raises(RuntimeError, match="saved state is torch.float32"):
        y.backward(UPSTREAM)


def test_a_description_that_comes_back_as_another_tensor_is_refused():
    def change(saved):
        return saved.float() if saved.dtype is torch.float64 else saved

    with torch.autograd.graph.saved_tensors_hooks(change, lambda saved: saved):
        _, _, y = forward()
    with pytest.raises(RuntimeError, match="made with is torch.float32"):
        y.backward(UPSTREAM)


def test_hooks_on_what_is_saved_that_come_late():
    x, slopes, y = forward()
    for saved in y.grad_fn._raw_saved_tensors[1:]:
        saved.register_hooks(lambda saved: saved.clone(), lambda saved: saved.clone())
    y.backward(UPSTREAM)
    check(x, slopes)


class _Meta(TorchDispatchMode):
    """Gives whoever asks for memory none."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.ops.aten.empty.memory_format and args[0] == [kernels.AXES + SLOPES.numel()]:
            kwargs["device"] = "meta"
        return function(*args, **kwargs)


def test_a_mode_around_backward_alone():
    x, slopes, y = forward()
    with _Meta():
        y.backward(UPSTREAM)
    check(x, slopes)
    _, _, y = forward()
    with FakeTensorMode(allow_non_fake_inputs=True):
        y.backward(UPSTREAM)


def test_a_graph_of_backward_alone():
    x, slopes, y = forward()
    graph = make_fx(lambda grad: torch.autograd.grad(y, [x, slopes], grad))(torch.ones_like(UPSTREAM))
    x.grad, slopes.grad = graph(UPSTREAM.clone())
    check(x, slopes)


@pytest.mark.skipif(not hasattr(torch.Tensor, "grad_dtype"), reason="this PyTorch gives gradients their tensor's dtype")
def test_a_parameter_that_takes_gradients_of_any_dtype():
    x, slopes, y = forward()
    slopes.grad_dtype = None
    y.backward(UPSTREAM)
    check(x, slopes)
