"""PReLU that saves one bit per element for backward, or none, instead of its whole input.

The functions here work on NumPy arrays; the layer for PyTorch is in :mod:`prelu_mem.torch`.
"""

from prelu_mem._native import __version__, strategies
from prelu_mem.arrays import Saved, backward_, forward_

__all__ = ["Saved", "__version__", "backward_", "forward_", "strategies"]
