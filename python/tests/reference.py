"""What PReLU is, in float64 and by PyTorch's own layer, and how far a slope gradient may be from it."""

import torch
from torch import nn

#: Largest relative error of one rounding, and the smallest subnormal number.
ROUNDING = {
    torch.float16: (2.0**-11, 2.0**-24),
    torch.bfloat16: (2.0**-8, 2.0**-133),
    torch.float32: (2.0**-24, 2.0**-149),
    torch.float64: (2.0**-53, 2.0**-1074),
}


def stock(x, slopes, upstream):
    """Output, input gradient and slope gradient of torch.nn.functional.prelu."""
    x = x.clone().requires_grad_()
    slopes = slopes.clone().requires_grad_()
    y = nn.functional.prelu(x, slopes)
    y.backward(upstream)
    return y.detach(), x.grad, slopes.grad


def by_channel(x, slopes, values):
    """Sums of float64 values by slope."""
    if slopes.numel() == 1:
        return values.sum().reshape(slopes.shape)
    return values.sum([axis for axis in range(x.dim()) if axis != 1])


def slope_gradient(x, slopes, upstream):
    """The slope gradient in float64, and the bound of docs/decisions/0002-kept-channels.md with the rounding to the
    slopes' dtype and a sum in float64 besides."""
    unit, smallest = ROUNDING[x.dtype]
    x64, g64, a64 = x.double(), upstream.double(), slopes.detach().to(x.dtype).double()
    negative = ~(x64 > 0)
    exact = by_channel(x, slopes, torch.where(negative, g64 * x64, 0.0))
    weight = torch.where(negative, g64.abs() * x64.abs(), 0.0)
    magnitude = by_channel(x, slopes, weight)
    absolute = by_channel(x, slopes, torch.where(negative, g64.abs(), 0.0))
    # A channel within the invertible range only; all others are kept and exact.
    recovered = absolute * smallest / (2 * a64.abs().clamp_min(smallest))
    bound = unit * magnitude + torch.minimum(recovered, magnitude) + 2.0**-40 * magnitude
    own, least = ROUNDING[slopes.dtype]
    return exact, bound + own * exact.abs() + least


def check_slope_gradient(found, x, slopes, upstream):
    exact, bound = slope_gradient(x, slopes, upstream)
    assert found.shape == slopes.shape and found.dtype == slopes.dtype
    miss = (found.double() - exact).abs()
    assert bool((miss <= bound).all()), f"missed by {miss.max().item()} where {bound.min().item()} is allowed"


def same_bits(left, right):
    """Equal values, NaN and the sign of zero included."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    kind = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[left.element_size()]
    left, right = left.detach().contiguous(), right.detach().contiguous()
    both_nan = left.isnan() & right.isnan()
    return bool(((left.view(kind) == right.view(kind)) | both_nan).all())
