"""The operators by PyTorch's own checks, and the transformations that they do not take part in."""

import pytest
import torch
from reference import same_bits
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from prelu_mem.torch import PReLU, ops, prelu

pytestmark = pytest.mark.filterwarnings("ignore")


def samples():
    for dtype in (torch.float32, torch.bfloat16):
        for strategy in ("adaptive", "full-copy", "int8-mask"):
            for learned in (True, False):
                yield torch.randn(2, 3, 4, dtype=dtype), torch.tensor([0.25, -0.5, 0.0]), strategy, learned


def test_opcheck_forward():
    for x, slopes, strategy, learned in samples():
        torch.library.opcheck(ops.forward_, (x, slopes, strategy, learned))


def test_opcheck_room():
    """Not against a traced run: the bytes of the saved state are nobody's yet, and differ."""
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    for x, slopes, strategy, learned in samples():
        torch.library.opcheck(ops.room, (x, slopes, strategy, learned), test_utils=checks)


def test_opcheck_fill():
    for x, slopes, strategy, learned in samples():
        saved, made_with = ops.room(x, slopes, strategy, learned)
        torch.library.opcheck(ops.fill_, (x, saved, made_with, strategy, learned))


@pytest.mark.parametrize("turned", [False, True], ids=["as it lay", "laid out anew"])
def test_room_and_fill_are_forward(turned):
    """torch.compile's two steps, also where the compiler lays the tensor out anew between them."""
    for x, slopes, strategy, learned in samples():
        expected_y = x.clone()
        expected = ops.forward_(expected_y, slopes, strategy, learned)
        saved, made_with = ops.room(x, slopes, strategy, learned)
        y = x.transpose(1, 2).contiguous().transpose(1, 2) if turned else x.clone()
        assert y.is_contiguous() is not turned
        ops.fill_(y, saved, made_with, strategy, learned)
        assert same_bits(y, expected_y) and same_bits(saved, expected[0]) and same_bits(made_with, expected[1])


def test_opcheck_backward():
    for x, slopes, strategy, learned in samples():
        y = x.clone()
        saved, made_with = ops.forward_(y, slopes, strategy, learned)
        torch.library.opcheck(ops.backward_, (torch.randn_like(y), y, saved, made_with, strategy, learned))


def test_a_saved_state_of_something_else_is_refused():
    y = torch.randn(2, 3, 4)
    saved, made_with = ops.forward_(y, torch.full((3,), -0.5), "bitmask", True)
    with pytest.raises(RuntimeError, match="saved state"):
        ops.backward_(torch.randn_like(y), y, saved[:-1], made_with, "bitmask", True)
    with pytest.raises(RuntimeError, match="saved state"):
        ops.backward_(torch.randn_like(y), y, saved, made_with, "int8-mask", True)
    with pytest.raises(RuntimeError, match="reads the output"):
        ops.backward_(torch.randn_like(y), None, saved, made_with, "bitmask", True)
    with pytest.raises(RuntimeError, match="differ"):
        ops.backward_(torch.randn_like(y), y[:1], saved, made_with, "bitmask", True)
    with pytest.raises(RuntimeError, match="saved state"):
        ops.fill_(y, saved[:-1], made_with, "bitmask", True)
    with pytest.raises(RuntimeError, match="saved state"):
        ops.fill_(y[0], saved, made_with, "bitmask", True)


def test_a_second_derivative_by_the_slopes_alone_is_refused():
    """The upstream gradient is a constant here, but the input gradient is a function of the slopes: a penalty on it
    has a gradient, which must not be left out in silence."""
    for inplace in (True, False):
        x = torch.linspace(-1, 1, 6).view(2, 3).requires_grad_()
        layer = PReLU(3, inplace=inplace)
        (dx,) = torch.autograd.grad(layer(x * 1).sum(), x, create_graph=True)
        assert dx.tolist() == torch.where(x > 0, 1, 0.25).tolist()
        with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
            (dx.square().sum() + layer(x * 1).sum()).backward()
        layer.weight.requires_grad_(False)
        (dx,) = torch.autograd.grad(layer(x * 1).sum(), x, create_graph=True)
        assert not dx.requires_grad


def test_double_backward_is_refused():
    x = torch.randn(2, 3, requires_grad=True)
    for inplace in (True, False):
        y = prelu(x * 1, torch.full((3,), 0.25, requires_grad=True), inplace=inplace)
        (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
            dx.sum().backward()


def test_vmap_and_functional_gradients_are_refused():
    layer = PReLU(3, inplace=False)
    with pytest.raises(RuntimeError, match="vmap"):
        torch.vmap(layer)(torch.randn(5, 2, 3))
    with pytest.raises(RuntimeError, match="torch.func"):
        torch.func.grad(lambda x: layer(x).sum())(torch.randn(2, 3))


def test_forward_mode_is_refused():
    layer = PReLU(3, inplace=False)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.randn(2, 3), torch.randn(2, 3))
        with pytest.raises(RuntimeError, match="jvp|forward"):
            layer(dual)


def test_fx_traces_around_the_layer():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), PReLU(3))
    traced = torch.fx.symbolic_trace(model)
    x = torch.randn(2, 4)
    torch.testing.assert_close(traced(x), model(x))


class _Operators(TorchDispatchMode):
    """Notes the layer's operators."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.namespace == "prelu_mem":
            self.seen.append(function)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("inplace", [True, False])
def test_modes_see_the_operators(inplace):
    """Without a mode their implementation is called, which a mode would not see."""
    layer = PReLU(3, inplace=inplace)
    x = torch.randn(2, 3, requires_grad=True)
    with _Operators() as operators:
        layer(x * 1).sum().backward()
        with torch.no_grad():
            layer(x * 1)
    assert operators.seen == [ops.forward_, ops.backward_, ops.forward_]
    with FakeTensorMode(shape_env=ShapeEnv()):
        y = PReLU(3, inplace=inplace)(torch.randn(2, 3, requires_grad=True) * 1)
        assert type(y) is FakeTensor
        y.sum().backward()


@pytest.mark.parametrize("pre_dispatch", [True, False])
def test_a_graph_has_the_layer(pre_dispatch):
    slopes, x = torch.tensor([0.25, -0.5, 0.0]), torch.randn(2, 3)

    def model(x, slopes):
        return prelu(x * 1, slopes)

    graph = make_fx(model, pre_dispatch=pre_dispatch)(x, slopes)
    assert any("prelu_mem" in str(node.target) for node in graph.graph.nodes)
    assert torch.equal(graph(-x, slopes), model(-x, slopes))


class _Functions(TorchFunctionMode):
    """Notes everything that is called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.seen.append(function)
        return function(*args, **(kwargs or {}))


def test_a_mode_for_functions_sees_the_operators():
    layer, x = PReLU(3), torch.randn(2, 3, requires_grad=True)
    with _Functions() as functions:
        layer(x * 1)
    assert ops.forward_ in functions.seen


def test_tensors_of_other_kinds():
    """Without memory of their own, or with elements in another's: as the operators have it, an error or the values."""
    zeros = torch._efficientzerotensor((3,))
    x = torch.randn(2, 3)
    assert torch.equal(prelu(x, zeros), torch.nn.functional.prelu(x, torch.zeros(3)))
    with pytest.raises(RuntimeError):
        prelu(torch._efficientzerotensor((2, 3)), torch.ones(3), inplace=True)
    with pytest.raises(RuntimeError):
        prelu(torch._to_functional_tensor(x), torch.ones(3), inplace=True)


def test_elements_that_are_negated_when_read():
    """Tensors whose memory holds the opposite of their elements, as input and as upstream gradient. PyTorch refuses to
    overwrite one by anybody's operator."""
    slopes = torch.tensor([0.25, -0.5, 0.0])
    values, upstream = torch.randn(4, 3), torch.randn(4, 3)
    leaf = values.clone().requires_grad_()
    x, grad = torch._neg_view((-leaf).clone()), torch._neg_view(-upstream)
    assert x.is_neg() and grad.is_neg() and torch.equal(x, values)
    with pytest.raises(RuntimeError):
        prelu(torch._neg_view(values.clone()), slopes, inplace=True)
    y = prelu(x, slopes)
    y.backward(grad)
    expected = values.clone().requires_grad_()
    torch.nn.functional.prelu(expected, slopes).backward(upstream)
    assert torch.equal(y, torch.nn.functional.prelu(values, slopes)) and torch.equal(leaf.grad, expected.grad)
