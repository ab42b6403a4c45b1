"""The layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from prelu_mem import _native
from prelu_mem.torch.functional import prelu

# For torch.fx the layer is one call, under this module's name for it too.
torch.fx.wrap("prelu")


class PReLU(nn.PReLU):
    """``torch.nn.PReLU`` that saves a sign, or nothing, instead of its input.

    Same arguments, parameter and ``state_dict``; besides them

    * ``strategy``: what is saved, by name (see :func:`prelu_mem.strategies` and README.md);
    * ``inplace``: whether the input is overwritten, with the same meaning as in ``torch.nn.ReLU``: who reads the
      input afterwards reads the output, and whoever needs the old values in backward is told by a ``RuntimeError``.
      ``inplace=False`` saves the same; it makes a second tensor while the first is still there.

    Raises ``ValueError`` for an unknown strategy.
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        strategy: str = "adaptive",
        inplace: bool = True,
    ) -> None:
        # Refuses a name that is none.
        _native.check(strategy)
        super().__init__(num_parameters, init, device=device, dtype=dtype)
        self.strategy = strategy
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """The output; the input itself, overwritten, where ``inplace``."""
        output: Tensor = prelu(input, self.weight, self.strategy, self.inplace)
        return output

    def extra_repr(self) -> str:
        """As printed."""
        return f"{super().extra_repr()}, strategy='{self.strategy}', inplace={self.inplace}"
