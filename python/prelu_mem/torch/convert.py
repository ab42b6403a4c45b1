"""A model's PReLUs replaced."""

from __future__ import annotations

from torch import nn

from prelu_mem.torch.examine import Finding, Place, examine, is_stock
from prelu_mem.torch.module import PReLU


def convert(model: nn.Module, *, strategy: str = "adaptive", inplace: bool | None = None) -> nn.Module:
    """Replaces every ``torch.nn.PReLU`` in the model by :class:`PReLU` and returns the model.

    Parameters stay the very same objects, so that optimizers and checkpoints go on. Each layer works in place where
    the model's graph allows it, else beside its input; one whose input is kept by others anyway is left alone (see
    :func:`examine`, which tells all three and why). ``inplace=True`` or ``False`` overrules that for all that are replaced.

    Convert before ``DistributedDataParallel``, ``fully_shard`` and ``torch.compile`` take the model.
    """
    # Refuses an unknown strategy before anything changes.
    PReLU(1, strategy=strategy)
    findings = {finding.name: finding for finding in examine(model)}
    if is_stock(model):
        return _replacement(model, Finding("", Place.BESIDE, ""), strategy, inplace)
    made: dict[nn.Module, nn.Module] = {}
    for parent_name, parent in list(model.named_modules()):
        for child_name, child in list(parent._modules.items()):
            if child is not None and is_stock(child):
                finding = findings[f"{parent_name}.{child_name}".lstrip(".")]
                if finding.place is not Place.LEAVE:
                    if child not in made:
                        made[child] = _replacement(child, finding, strategy, inplace)
                    setattr(parent, child_name, made[child])
    return model


def _replacement(stock: nn.Module, finding: Finding, strategy: str, inplace: bool | None) -> PReLU:
    """The layer with the stock one's parameter and everything that hangs on the module."""
    layer = PReLU.__new__(PReLU)
    # The very tables of parameters and hooks: handles that remove a hook go on working.
    layer.__dict__.update(vars(stock))
    layer.strategy = strategy
    layer.inplace = finding.place is Place.IN_PLACE if inplace is None else inplace
    return layer
