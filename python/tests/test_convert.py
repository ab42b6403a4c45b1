"""A model's PReLUs replaced: where in place, where beside the input, where not at all; always the same gradients."""

import copy

import pytest
import torch
from reference import same_bits
from torch import nn

from prelu_mem.torch import Place, PReLU, convert, examine


class Block(nn.Module):
    """A residual block; where the identity branch starts decides."""

    def __init__(self):
        super().__init__()
        self.before = nn.Conv2d(4, 4, 3, padding=1)
        self.free = nn.PReLU(4)
        self.shared = nn.PReLU(4)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.PReLU(4)
        self.squash = nn.PReLU()

    def forward(self, x):
        x = self.free(self.before(x))
        x = self.conv(x)
        identity = x
        x = self.shared(x)
        x = self.norm(x)
        x = self.last(x + identity)
        return self.squash(torch.sigmoid(x))


class Branches(nn.Module):
    """Cannot be traced: what runs depends on values."""

    def __init__(self):
        super().__init__()
        self.block = Block()
        self.loose = nn.PReLU(4)
        self.inner = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Dropout(0.0), nn.PReLU(4))

    def forward(self, x):
        x = self.block(x)
        if x.sum() > 1e9:
            return x
        y = self.loose(x)
        return self.inner(y) + x


class OnlyInTraining(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.act = nn.PReLU(4)

    def forward(self, x):
        x = self.conv(x)
        y = self.act(x)
        return y + x if self.training else y


def assert_same_gradients(stock, x=None):
    ours = convert(copy.deepcopy(stock))
    x = torch.randn(2, 4, 6, 6) if x is None else x
    results = []
    for model in (ours, stock):
        torch.manual_seed(1)
        model.zero_grad()
        leaf = x.clone().requires_grad_()
        y = model(leaf)
        y.square().sum().backward()
        results.append([y.detach(), leaf.grad, *(parameter.grad for parameter in model.parameters())])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    return ours


def places(model):
    return {finding.name: finding.place for finding in examine(model)}


def test_a_residual_block():
    block = Block()
    assert places(block) == {
        "free": Place.IN_PLACE, "shared": Place.LEAVE, "last": Place.IN_PLACE, "squash": Place.LEAVE,
    }  # fmt: skip
    reasons = {finding.name: finding.reason for finding in examine(block)}
    assert "add" in reasons["shared"] and "sigmoid" in reasons["squash"]
    ours = assert_same_gradients(block)
    assert type(ours.free) is PReLU and ours.free.inplace
    assert type(ours.shared) is nn.PReLU and type(ours.squash) is nn.PReLU


def test_what_cannot_be_traced_works_beside_its_input():
    model = Branches()
    found = places(model)
    assert found["loose"] is Place.BESIDE and found["inner.2"] is Place.IN_PLACE
    assert found["block.free"] is Place.IN_PLACE and found["block.shared"] is Place.LEAVE
    ours = assert_same_gradients(model)
    assert type(ours.loose) is PReLU and not ours.loose.inplace


def test_both_modes_are_looked_at():
    model = OnlyInTraining()
    for training in (True, False):
        model.train(training)
        assert places(model) == {"act": Place.LEAVE}
        assert model.training is training and model.conv.training is training
        assert_same_gradients(model)


@pytest.mark.parametrize(
    ("producer", "place"),
    [
        (nn.Conv2d(4, 4, 1), Place.IN_PLACE),
        (nn.BatchNorm2d(4), Place.IN_PLACE),
        (nn.GroupNorm(2, 4), Place.IN_PLACE),
        (nn.MaxPool2d(2), Place.IN_PLACE),
        (nn.AvgPool2d(2), Place.IN_PLACE),
        (nn.Upsample(scale_factor=2), Place.IN_PLACE),
        (nn.Sigmoid(), Place.LEAVE),
        (nn.Tanh(), Place.LEAVE),
        (nn.ReLU(), Place.LEAVE),
        (nn.Softmax(1), Place.LEAVE),
        (nn.PReLU(), Place.LEAVE),
        (nn.Hardswish(), Place.BESIDE),
        (nn.Unflatten(1, (4, 1)), Place.BESIDE),
        (nn.Identity(), Place.BESIDE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_producers(producer, place):
    model = nn.Sequential(producer, nn.PReLU())
    assert places(model)["1"] is place
    assert_same_gradients(model)


def test_shapes_may_be_asked_for():
    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv2d(4, 4, 1), nn.PReLU(4)

        def forward(self, x):
            x = self.conv(x)
            return self.act(x).reshape(x.size(0), x.shape[1], -1)

    assert places(Asks()) == {"act": Place.IN_PLACE}
    assert_same_gradients(Asks())


class Adds(nn.Module):
    """In place around the layer, in the order that is asked for."""

    def __init__(self, forward):
        super().__init__()
        self.conv, self.act, self.norm = nn.Conv2d(4, 4, 1), nn.PReLU(4), nn.BatchNorm2d(4)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def sum_before(model, x):
    hidden = model.conv(x)
    hidden += x
    return model.act(hidden)


def sum_before_by_another_name(model, x):
    hidden = model.conv(x)
    other = hidden
    hidden += 1
    return model.act(hidden) + model.norm(other)


def sum_after(model, x):
    hidden = model.act(model.conv(x))
    hidden += x
    return hidden


def relu_after(model, x):
    return nn.functional.relu(model.act(model.conv(x)), inplace=True)


def method_after(model, x):
    return model.act(model.conv(x)).mul_(2)


@pytest.mark.parametrize(
    ("forward", "place"),
    [
        (sum_before, Place.IN_PLACE),
        (sum_before_by_another_name, Place.LEAVE),
        (sum_after, Place.LEAVE),
        (relu_after, Place.LEAVE),
        (method_after, Place.LEAVE),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_others_that_work_in_place(forward, place):
    torch.manual_seed(0)
    model = Adds(forward)
    assert places(model) == {"act": place}
    assert_same_gradients(model)


def test_hooks_on_the_layer_see_its_input():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.PReLU(4))
    seen = []
    model[1].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].detach().clone()))
    assert places(model) == {"1": Place.BESIDE}
    assert_same_gradients(model)
    assert same_bits(seen[0], seen[1])


def test_one_layer_in_two_places():
    act = nn.PReLU()
    model = nn.Sequential(nn.Conv2d(4, 4, 1), act, nn.Conv2d(4, 4, 1), nn.Sigmoid(), act)
    assert set(places(model).values()) == {Place.LEAVE}
    free = nn.Sequential(nn.Conv2d(4, 4, 1), act, nn.Conv2d(4, 4, 1), act)
    ours = assert_same_gradients(free)
    assert ours[1] is ours[3] and ours[1].inplace


def test_hooks_on_the_producer_may_keep_its_output():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.PReLU(4))
    kept = []
    model[0].register_forward_hook(lambda module, inputs, output: kept.append(output))
    assert places(model) == {"1": Place.BESIDE}


def test_parameters_stay_the_same_objects():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.PReLU(4))
    parameters = list(model.parameters())
    handle = model[1].register_forward_hook(lambda module, inputs, output: output * 2)
    model[1].eval()
    names = list(model.state_dict())
    assert convert(model) is model
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert list(model.state_dict()) == names
    assert type(model[1]) is PReLU and len(model[1]._forward_hooks) == 1 and not model[1].training
    handle.remove()
    assert not model[1]._forward_hooks


def test_a_layer_by_itself_and_a_model_without_any():
    layer = nn.PReLU(3)
    ours = convert(layer)
    assert type(ours) is PReLU and ours.weight is layer.weight and not ours.inplace
    linear = nn.Linear(2, 2)
    assert convert(linear) is linear and examine(linear) == []


def test_a_subclass_is_left_alone():
    class Own(nn.PReLU):
        pass

    model = convert(nn.Sequential(nn.Conv2d(4, 4, 1), Own(4), nn.Conv2d(4, 4, 1), PReLU(4, strategy="bitmask")))
    assert type(model[1]) is Own and model[3].strategy == "bitmask"


def test_options():
    model = convert(nn.Sequential(nn.Conv2d(4, 4, 1), nn.PReLU(4)), strategy="bitmask", inplace=False)
    assert model[1].strategy == "bitmask" and not model[1].inplace


def test_layers_that_hide_an_activation():
    """Inside of PyTorch's own layers no call is seen: what stands there works beside its input."""
    layer = nn.TransformerEncoderLayer(4, 2, 8, activation=nn.PReLU(), batch_first=True)
    assert set(places(layer).values()) <= {Place.BESIDE, Place.IN_PLACE}
    layer.train()
    assert_same_gradients(nn.Sequential(layer.eval()), torch.randn(2, 4, 4))
