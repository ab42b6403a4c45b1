"""The layer for PyTorch: :class:`PReLU` in place of ``torch.nn.PReLU``, :func:`convert` for a whole model."""

from prelu_mem.torch.convert import convert
from prelu_mem.torch.examine import Finding, Place, examine
from prelu_mem.torch.functional import prelu
from prelu_mem.torch.module import PReLU

__all__ = ["Finding", "PReLU", "Place", "convert", "examine", "prelu"]
