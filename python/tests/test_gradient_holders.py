"""Everyone who may hold the gradient that backward is handed finds it as it was."""

import sys

import numpy as np
import pytest
import torch
from reference import same_bits
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from prelu_mem.torch import PReLU, ownership

X = torch.linspace(-2, 2, 24).view(2, 3, 4)


def hidden():
    return X.clone().requires_grad_() * 1


def tensor_on(storage):
    return torch.empty(0).set_(storage, 0, X.shape)


#: What somebody keeps of the gradient, and how it is read again afterwards.
HOLDERS = {
    "the tensor": (lambda grad: grad, lambda kept: kept),
    "detached": (lambda grad: grad.detach(), lambda kept: kept),
    "a view": (lambda grad: grad[1:], lambda kept: kept),
    "its storage": (lambda grad: grad.untyped_storage(), tensor_on),
    "its typed storage": (lambda grad: grad.storage(), lambda kept: tensor_on(kept.untyped())),
    "a NumPy array": (lambda grad: grad.numpy(), torch.from_numpy),
    "DLPack": (torch.utils.dlpack.to_dlpack, torch.utils.dlpack.from_dlpack),
    "another process": (lambda grad: shared_with_others(grad), tensor_on),
}


def shared_with_others(grad):
    """The memory as a process sees it that was sent the gradient."""
    manager, handle, size = grad.untyped_storage()._share_filename_cpu_()
    return torch.UntypedStorage._new_shared_filename_cpu(manager, handle, size)


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("name", HOLDERS)
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_hook_keeps_it(name, inplace):
    keep, read = HOLDERS[name]
    kept = []
    y = PReLU(3, inplace=inplace)(hidden())
    # The hook returns nothing: the gradient goes on as it is.
    y.register_hook(lambda grad: kept.append(keep(grad)))
    (y * 2).sum().backward()
    assert bool((read(kept[0]) == 2).all())


@pytest.mark.parametrize("attach", ["register_hook", "register_prehook"])
def test_hooks_of_the_node(attach):
    kept = []
    y = PReLU(3)(hidden())

    def hook(*gradients):
        # A hook before the node is given its gradient; one after it, its results and its gradient.
        kept.append(gradients[-1][0])

    getattr(y.grad_fn, attach)(hook)
    (y * 2).sum().backward()
    assert bool((kept[0] == 2).all())


@pytest.mark.parametrize("inplace", [True, False])
def test_hooks_of_the_module(inplace):
    seen = []
    for layer in (PReLU(3, inplace=inplace), nn.PReLU(3)):
        notes = []
        layer.register_full_backward_pre_hook(lambda module, upstream, notes=notes: notes.append(upstream[0]))
        layer.register_full_backward_hook(lambda module, down, upstream, notes=notes: notes.extend((down[0], upstream[0])))
        if isinstance(layer, PReLU) and inplace:
            # PyTorch's own rule for full backward hooks, as for nn.ReLU(inplace=True).
            with pytest.raises(RuntimeError):
                layer(hidden())
            return
        (layer(hidden()) * 2).sum().backward()
        seen.append(notes)
    assert all(same_bits(found, expected) for found, expected in zip(*seen, strict=True))


def test_a_gradient_in_memory_of_numpy():
    """A function by NumPy hands out an array that it keeps."""
    workspace = np.full(tuple(X.shape), 3.0, dtype=np.float32)

    class ByNumPy(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return torch.from_numpy(workspace)

    ByNumPy.apply(PReLU(3)(hidden())).sum().backward()
    assert (workspace == 3).all()


def test_a_gradient_whose_elements_lie_over_each_other():
    for reduce in (lambda y: y.sum() * 2, lambda y: (y.sum(1) * 2).square().sum(), lambda y: y.mean((0, 2)).exp().sum()):
        results = []
        for layer in (PReLU(3), nn.PReLU(3)):
            leaf = X.clone().requires_grad_()
            reduce(layer(leaf * 1)).backward()
            results.append(leaf.grad)
        assert same_bits(*results)


def test_a_gradient_that_is_negated_when_it_is_read():
    """PyTorch's lazy conjugate: the imaginary part is a view with its sign to be turned."""
    results = []
    for layer in (PReLU(3), nn.PReLU(3)):
        leaf = X.clone().requires_grad_()
        y = layer(leaf * 1)
        (torch.complex(y, y * 2).conj() * torch.tensor(1 + 2j)).abs().sum().backward()
        results.append(leaf.grad)
    torch.testing.assert_close(*results)


def test_anomaly_mode():
    results = []
    for layer in (PReLU(3), nn.PReLU(3)):
        leaf = X.clone().requires_grad_()
        with pytest.warns(UserWarning, match="Anomaly Detection"), torch.autograd.detect_anomaly():
            (layer(leaf * 1) * X).sum().backward()
        results.append(leaf.grad)
    assert same_bits(*results)


class KeepsAll(TorchDispatchMode):
    """Holds every result, as tools do that watch memory."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.kept.append(result)
        return result


def shared_gradient_survives():
    kept = []
    y = PReLU(3)(hidden())
    y.register_hook(kept.append)
    (y * 2).sum().backward()
    return bool((kept[0] == 2).all())


def test_nothing_is_learned_of_owners_while_somebody_keeps_what_he_sees(monkeypatch):
    """Else one owner too many would look like a sole owner ever after."""
    monkeypatch.setattr(ownership, "_found", [])
    with KeepsAll():
        (PReLU(3)(hidden()) * 2).sum().backward()
    assert ownership._found == []
    assert shared_gradient_survives() and ownership._found != []


@pytest.mark.parametrize("watch", ["settrace", "setprofile"])
def test_nothing_is_learned_of_owners_while_a_debugger_looks_on(monkeypatch, watch):
    monkeypatch.setattr(ownership, "_found", [])
    before = getattr(sys, watch.replace("set", "get"))()

    def looks(frame, event, argument):
        # In Python before 3.13 this makes a copy of the references.
        frame.f_locals  # noqa: B018
        return looks

    getattr(sys, watch)(looks)
    try:
        (PReLU(3)(hidden()) * 2).sum().backward()
    finally:
        getattr(sys, watch)(before)
    assert ownership._found == []
    assert shared_gradient_survives() and ownership._found != []
