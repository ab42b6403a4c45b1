"""Values and gradients against torch.nn.PReLU: dx bit for bit, the slope gradient within its bound."""

import pytest
import torch
from reference import check_slope_gradient, same_bits, stock
from torch import nn

import prelu_mem
from prelu_mem.torch import PReLU

STRATEGIES = prelu_mem.strategies()
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SHAPES = [(), (5,), (7, 3), (2, 3, 5), (2, 3, 5, 4), (2, 3, 2, 3, 4), (2, 3, 2, 1, 3, 2)]
#: Positive, no power of two; negative; near zero, zero and beyond 1, which are kept whole.
SLOPES = [0.3, -0.7, 0.0, 1e-30, 1.5]


def run(x, slopes, upstream, **options):
    """Output, input gradient and slope gradient of ours; the input is the result of an operation."""
    layer = PReLU(slopes.numel(), dtype=slopes.dtype, **options)
    with torch.no_grad():
        layer.weight.copy_(slopes)
    leaf = x.clone().requires_grad_()
    # Same values and layout, not a leaf.
    y = layer(leaf * 1)
    y.backward(upstream)
    return y.detach(), leaf.grad, layer.weight.grad


def check(x, slopes, upstream, **options):
    y, dx, da = run(x, slopes, upstream, **options)
    expected_y, expected_dx, _ = stock(x, slopes, upstream)
    assert same_bits(y, expected_y)
    assert same_bits(dx, expected_dx)
    check_slope_gradient(da, x, slopes, upstream)


@pytest.mark.parametrize("inplace", [True, False])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_number_of_axes(dtype, strategy, inplace):
    for shape in SHAPES:
        x = torch.randn(shape, dtype=dtype)
        upstream = torch.randn(shape, dtype=dtype)
        for slope in SLOPES:
            options = {"strategy": strategy, "inplace": inplace}
            check(x, torch.tensor([slope], dtype=dtype), upstream, **options)
            if len(shape) > 1:
                check(x, torch.tensor([slope, 0.089, -0.25], dtype=dtype), upstream, **options)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_many_channels_of_every_class(strategy):
    x, upstream = torch.randn(4, 70, 9, 9), torch.randn(4, 70, 9, 9)
    slopes = torch.tensor([SLOPES[c % len(SLOPES)] + c * 1e-3 for c in range(70)])
    slopes[::7] = 0
    check(x, slopes, upstream, strategy=strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_corners(dtype, strategy):
    """Zeros of both signs and NaN are on the slope's branch; infinities go through."""
    x = torch.tensor([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-45, -1e-45, 3.0], dtype=dtype).view(8, 1)
    for slope in SLOPES:
        slopes = torch.tensor([slope], dtype=dtype)
        y, dx, _ = run(x, slopes, torch.ones_like(x), strategy=strategy)
        expected_y, expected_dx, _ = stock(x, slopes, torch.ones_like(x))
        assert same_bits(y, expected_y) and same_bits(dx, expected_dx)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("inplace", [True, False])
def test_layouts(strategy, inplace):
    """Channels-last, permuted, sliced, expanded: the output has the layout that torch gives it, and the values."""
    base = torch.randn(4, 6, 10, 8)
    inputs = {
        "channels last": base.contiguous(memory_format=torch.channels_last),
        "permuted": base.permute(3, 1, 0, 2),
        "transposed": base.transpose(2, 3),
        "sliced": base[:, :, ::2, 1:],
        "channels last 3d": torch.randn(2, 6, 3, 4, 5).contiguous(memory_format=torch.channels_last_3d),
        "one channel of many": base[:, :1],
        "axis of size 1": torch.randn(3, 6, 1, 5).permute(0, 1, 3, 2),
    }
    for name, x in inputs.items():
        slopes = torch.tensor([0.3, -0.7, 0.0, 0.1, 2.0, 0.25])[: x.size(1)]
        for layout in (torch.randn_like(x), torch.randn(x.shape), torch.ones(()).expand(x.shape)):
            leaf = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
            layer = PReLU(slopes.numel(), strategy=strategy, inplace=inplace)
            layer.weight.data.copy_(slopes)
            # The very strides of the input, gaps included.
            strided = torch.empty(4 * 6 * 10 * 8 * 2).as_strided(x.shape, x.stride()).copy_(leaf)
            y = layer(strided)
            y.backward(layout)
            expected_y, expected_dx, _ = stock(x, slopes, layout)
            assert same_bits(y, expected_y) and same_bits(leaf.grad, expected_dx), name
            if inplace:
                assert y is strided and y.stride() == x.stride(), name
            check_slope_gradient(layer.weight.grad, x, slopes, layout)


def test_an_output_in_another_layout_than_its_gradient():
    """A convolution may hand back its gradient in whatever layout it prefers."""
    x = torch.randn(2, 6, 8, 8)
    slopes = torch.tensor([0.3, -0.7, 0.0, 0.1, 2.0, 0.25])
    upstream = torch.randn(2, 6, 8, 8).contiguous(memory_format=torch.channels_last)
    check(x, slopes, upstream)
    check(x.contiguous(memory_format=torch.channels_last), slopes, upstream.contiguous())


@pytest.mark.parametrize("shape", [(0, 3), (2, 3, 0), (0, 3, 4, 4), (2, 0), (0,)])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_empty_tensors(shape, strategy):
    for slopes in (torch.tensor([0.25]), torch.full((shape[1] if len(shape) > 1 else 1,), 0.25)):
        layer = PReLU(slopes.numel(), strategy=strategy)
        leaf = torch.randn(shape, requires_grad=True)
        y = layer(leaf * 1)
        assert y.shape == shape
        y.sum().backward()
        assert leaf.grad.shape == shape
        assert same_bits(layer.weight.grad, torch.zeros(slopes.numel()))


def test_frozen_slopes_are_owed_nothing():
    for slope in (0.3, 0.0, -0.5):
        layer = PReLU(3, init=slope)
        layer.weight.requires_grad_(False)
        x, upstream = torch.randn(2, 3, 5), torch.randn(2, 3, 5)
        leaf = x.clone().requires_grad_()
        layer(leaf * 1).backward(upstream)
        assert layer.weight.grad is None
        assert same_bits(leaf.grad, stock(x, torch.full((3,), slope), upstream)[1])


def test_an_input_that_needs_no_gradient():
    layer = PReLU(3)
    x = torch.randn(2, 3, 5)
    upstream = torch.randn(2, 3, 5)
    layer(x.clone()).backward(upstream)
    check_slope_gradient(layer.weight.grad, x, layer.weight, upstream)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(mode):
    stock_layer, layer = nn.PReLU(3), PReLU(3)
    x = torch.randn(2, 3, 5)
    with mode():
        y = layer(x.clone())
        assert not y.requires_grad and same_bits(y, stock_layer(x))


def test_results_are_the_same_bits_with_any_number_of_threads():
    x, upstream = torch.randn(4, 32, 56, 56), torch.randn(4, 32, 56, 56)
    slopes = torch.linspace(-1.2, 1.2, 32)
    torch.set_num_threads(1)
    one = run(x, slopes, upstream)
    torch.set_num_threads(4)
    four = run(x, slopes, upstream)
    assert all(same_bits(left, right) for left, right in zip(one, four, strict=True))
