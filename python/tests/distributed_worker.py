"""One process of tests/test_distributed.py: gradients of a distributed step against the stock layer's in one process."""

import pathlib
import sys

import torch
import torch.distributed as dist
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "examples"))
from ddp import batch, distribute, leave, network  # noqa: E402

from prelu_mem.torch import PReLU, convert  # noqa: E402


def frozen_statistics(model):
    """Batch normalisation over part of a batch would be another function than over the whole."""
    return model.eval()


def whole_gradients(model):
    return {
        name.removeprefix("module."): (p.grad.full_tensor() if hasattr(p.grad, "full_tensor") else p.grad).detach()
        for name, p in model.named_parameters()
    }


def compare(kind, accumulate):
    rank, processes = dist.get_rank(), dist.get_world_size()
    stock = frozen_statistics(network())
    ours = convert(frozen_statistics(network()))
    assert sum(isinstance(module, PReLU) and module.inplace for module in ours.modules()) == 3
    # Slopes of every class.
    for model in (stock, ours):
        for module in model.modules():
            if isinstance(module, nn.PReLU):
                module.weight.data = torch.linspace(-1.5, 1.5, module.num_parameters)
    ours = distribute(ours, kind == "fsdp")
    for step in range(2 if accumulate else 1):
        pictures, targets = batch(step, 0, 1)
        nn.functional.cross_entropy(stock(pictures), targets).backward()
        pictures, targets = batch(step, rank, processes)
        nn.functional.cross_entropy(ours(pictures), targets).backward()
    expected, found = whole_gradients(stock), whole_gradients(ours)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    # A step, and another pass with slopes that were written behind the version counter's back.
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    optimizer.step()
    torch.optim.SGD(stock.parameters(), lr=0.1).step()
    pictures, targets = batch(7, 0, 1)
    expected = stock(pictures)
    pictures, _ = batch(7, rank, processes)
    torch.testing.assert_close(ours(pictures), expected[rank::processes], rtol=1e-4, atol=1e-4)
    if rank == 0:
        print(f"{kind} over {processes} processes: same")


def main():
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    compare(sys.argv[1], sys.argv[2] == "accumulate")
    leave(0)


if __name__ == "__main__":
    main()
