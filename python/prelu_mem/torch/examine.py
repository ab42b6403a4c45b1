"""Where a model's PReLUs may work in place: read off the model's graph.

    for each call of a PReLU, in training and in evaluation mode:
        its output is overwritten by what follows                 -> leave: backward reads it
        hooks on the layer see its input                          -> beside
        its input has another reader, or its producer keeps it    -> leave: it is kept anyway
        its producer is known to let go of its output             -> in place
        anything else, also what cannot be traced                 -> beside: the input stays as it is
    a module called in several places gets the most careful of its answers
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

F = nn.functional


class Place(enum.IntEnum):
    """What may be done, the most careful last."""

    IN_PLACE = 0
    BESIDE = 1
    LEAVE = 2


@dataclass(frozen=True)
class Finding:
    """What was found of one PReLU: its name in the model, what may be done, and why."""

    name: str
    place: Place
    reason: str


#: Their backward reads their input or nothing, never their output.
_LETS_GO: tuple[type[nn.Module], ...] = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear,
    nn.Bilinear, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.GroupNorm, nn.LayerNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
    nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle, nn.ZeroPad2d,
)  # fmt: skip
_LETS_GO_FUNCTIONS = {
    operator.add, operator.sub, operator.mul, operator.matmul, torch.add, torch.sub, torch.mul, torch.cat,
    torch.matmul, torch.bmm, torch.conv1d, torch.conv2d, torch.conv3d, F.conv1d, F.conv2d, F.conv3d, F.linear,
    F.batch_norm, F.layer_norm, F.group_norm, F.interpolate, F.pad, F.avg_pool2d, F.max_pool2d, F.conv_transpose2d,
}  # fmt: skip
_LETS_GO_METHODS = {"add", "sub", "mul", "matmul", "bmm"}

#: Their backward reads their output.
_KEEPS: tuple[type[nn.Module], ...] = (
    nn.Sigmoid, nn.Tanh, nn.Softmax, nn.Softmax2d, nn.LogSoftmax, nn.ReLU, nn.ReLU6, nn.PReLU,
)  # fmt: skip
_KEEPS_FUNCTIONS = {
    torch.sigmoid, torch.tanh, torch.softmax, torch.log_softmax, torch.relu, torch.exp, torch.sqrt, torch.rsqrt,
    F.sigmoid, F.tanh, F.softmax, F.log_softmax, F.relu, F.prelu,
}  # fmt: skip
_KEEPS_METHODS = {"sigmoid", "tanh", "softmax", "log_softmax", "relu", "exp", "sqrt", "rsqrt"}

#: They return their first argument, overwritten.
_OVERWRITES = {operator.iadd, operator.isub, operator.imul, operator.itruediv}
#: They may return their input itself.
_MAY_PASS_ON: tuple[type[nn.Module], ...] = (
    nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
)  # fmt: skip
#: They read no elements.
_LOOKS_ONLY = {"size", "dim", "numel", "stride", "is_contiguous", "data_ptr"}


def examine(model: nn.Module) -> list[Finding]:
    """What may be done with every ``torch.nn.PReLU`` of the model, by name. The model is not changed.

    The model is traced by torch.fx in both of its modes; what cannot be traced, is traced part by part.
    """
    calls: dict[nn.Module, list[tuple[Place, str]]] = {}
    modes = {module: module.training for module in model.modules()}
    try:
        for training in (True, False):
            model.train(training)
            for module, place, reason in _trace(model):
                calls.setdefault(module, []).append((place, reason))
    finally:
        for module, training in modes.items():
            module.training = training
    findings = []
    for name, module in model.named_modules(remove_duplicate=False):
        if is_stock(module):
            found = calls.get(module, [(Place.BESIDE, "its calls cannot be traced")])
            findings.append(Finding(name, *max(found, key=lambda call: call[0])))
    return findings


def is_stock(module: nn.Module) -> bool:
    """Whether this is PyTorch's own layer; a subclass may mean something else by it."""
    return type(module) is nn.PReLU


class _Proxy(fx.Proxy):
    """Knows ``x += y`` from ``x = x + y``, which fx's own proxy takes for the same."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._overwrite(operator.iadd, other)

    def __isub__(self, other: Any) -> fx.Proxy:
        return self._overwrite(operator.isub, other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._overwrite(operator.imul, other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._overwrite(operator.itruediv, other)

    def _overwrite(self, function: Any, other: Any) -> fx.Proxy:
        proxy: fx.Proxy = self.tracer.create_proxy("call_function", function, (self, other), {})
        return proxy


class _Tracer(fx.Tracer):
    """Functions that are wrapped for fx, and PReLUs of any kind, are not traced into."""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        proxy: fx.Proxy = _Proxy(node, self)
        return proxy

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.PReLU) or super().is_leaf_module(m, module_qualified_name)


def _trace(model: nn.Module) -> Iterator[tuple[nn.Module, Place, str]]:
    """The calls in this model, or else in its parts."""
    if is_stock(model):
        yield model, Place.BESIDE, "its calls cannot be traced"
        return
    try:
        graph = _Tracer().trace(model)
    except Exception:  # noqa: BLE001 - a forward pass may raise anything when it meets a proxy
        for child in model.children():
            yield from _trace(child)
        return
    named = dict(model.named_modules(remove_duplicate=False))
    for node in graph.nodes:
        if node.op == "call_module" and is_stock(named[str(node.target)]):
            yield named[str(node.target)], *_call(node, named)


def _call(node: fx.Node, named: dict[str, nn.Module]) -> tuple[Place, str]:
    """One call of a PReLU."""
    for user in node.users:
        if _overwrites(user, named) and user.args and user.args[0] is node:
            return Place.LEAVE, f"its output is overwritten by '{user.name}'"
    layer = named[str(node.target)]
    if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks:
        return Place.BESIDE, "it has hooks, which may look at its input"
    reader = node
    while True:
        arguments = [*reader.args, *reader.kwargs.values()]
        producer = arguments[0] if arguments else None
        if not isinstance(producer, fx.Node):
            return Place.BESIDE, "its input is no result of the graph"
        others = [user for user in producer.users if user is not reader and not _looks_only(user)]
        if others:
            return Place.LEAVE, f"its input is read by '{others[0].name}' too"
        if not _is(producer, named, _MAY_PASS_ON, (), ()) and not _overwrites(producer, named):
            break
        reader = producer
    if _is(producer, named, _KEEPS, _KEEPS_FUNCTIONS, _KEEPS_METHODS):
        return Place.LEAVE, f"'{producer.name}' needs its output in backward"
    if _is(producer, named, _LETS_GO, _LETS_GO_FUNCTIONS, _LETS_GO_METHODS):
        if producer.op == "call_module" and named[str(producer.target)]._forward_hooks:
            return Place.BESIDE, f"'{producer.name}' has forward hooks"
        return Place.IN_PLACE, f"'{producer.name}' does not need its output"
    return Place.BESIDE, f"whether '{producer.name}' needs its output is not known"


def _is(
    node: fx.Node,
    named: dict[str, nn.Module],
    modules: tuple[type[nn.Module], ...],
    functions: Iterable[Any],
    methods: Iterable[str],
) -> bool:
    if node.op == "call_module":
        return type(named[str(node.target)]) in modules
    if node.op == "call_function":
        return node.target in functions
    return node.op == "call_method" and str(node.target) in methods


def _overwrites(node: fx.Node, named: dict[str, nn.Module]) -> bool:
    """Whether the node's result is its first argument, overwritten."""
    if node.op == "call_module":
        return bool(getattr(named[str(node.target)], "inplace", False))
    if node.op == "call_method":
        name = str(node.target)
        return name.endswith("_") and not name.endswith("__")
    return node.op == "call_function" and (node.target in _OVERWRITES or node.kwargs.get("inplace") is True)


def _looks_only(node: fx.Node) -> bool:
    """Whether the node asks for a shape or the like."""
    if node.op == "call_method":
        return node.target in _LOOKS_ONLY
    return node.op == "call_function" and node.target is getattr and node.args[1] in ("shape", "dtype", "device", "ndim")
