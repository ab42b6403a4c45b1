#!/usr/bin/env python3
"""A network with prelu_mem's layer on several processes: DistributedDataParallel, or FSDP2 with --fsdp.

  torchrun --nproc-per-node 2 examples/ddp.py
  torchrun --nproc-per-node 2 examples/ddp.py --fsdp

On several machines torchrun is told the address of one of them; nothing changes in here. Each process trains on
its own part of every batch; the last line tells whether all of them hold the same parameters.
"""

import argparse
import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from prelu_mem.torch import convert


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv2(self.prelu(self.norm(self.conv1(x)))) + x


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.PReLU(16), Block(16), Block(16), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, 4)
    )  # fmt: skip


def batch(step, rank, processes, size=32):
    """This process's part of a batch: which corner of the picture is bright?"""
    generator = torch.Generator().manual_seed(step)
    targets = torch.randint(0, 4, (size,), generator=generator)
    pictures = torch.randn(size, 1, 16, 16, generator=generator)
    for picture, corner in zip(pictures, targets.tolist(), strict=True):
        top, left = corner // 2 * 8, corner % 2 * 8
        picture[0, top : top + 8, left : left + 8] += 1
    return pictures[rank::processes], targets[rank::processes]


def distribute(model, fsdp):
    """The model over all processes. It is converted before."""
    if not fsdp:
        return DistributedDataParallel(model)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for part in [*(block for block in model if isinstance(block, Block)), model]:
        fully_shard(part, mesh=mesh)
        # PyTorch 2.8 asks gloo for an average and gets the sum (its issue 162338): here it asks for the sum, and divides.
        if hasattr(part, "set_force_sum_reduction_for_comms"):
            part.set_force_sum_reduction_for_comms(True)
    return model


def leave(status):
    """Ends the process with this exit status, past Python's own shutdown.

    A thread of gloo's that has just done its part of a collective gives up its tensors a little later, and needs
    Python's lock for that. Where Python shuts down meanwhile, the process aborts or waits for ever, now and then on a
    busy machine. A sharded model keeps those threads beyond destroy_process_group.
    """
    # Nobody leaves while another still talks to it.
    dist.barrier()
    dist.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def train(options):
    """Whether all processes hold the same parameters after training."""
    rank, processes = dist.get_rank(), dist.get_world_size()
    model = distribute(convert(network()), options.fsdp)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(options.steps):
        pictures, targets = batch(step, rank, processes)
        loss = nn.functional.cross_entropy(model(pictures), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        if rank == 0:
            print(f"step {step + 1:3}  loss {mean.item() / processes:.4f}", flush=True)
    whole = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in model.parameters()]
    own = torch.cat([parameter.detach().flatten() for parameter in whole])
    first = own.clone()
    dist.broadcast(first, 0)
    same = torch.tensor(float(torch.equal(own, first)))
    dist.all_reduce(same, dist.ReduceOp.MIN)
    if rank == 0:
        print(f"{processes} processes, the same parameters in all: {'yes' if same else 'NO'}")
    return bool(same)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--fsdp", action="store_true", help="shard parameters, gradients and optimizer state")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    same = train(options)
    leave(0 if same else 1)


if __name__ == "__main__":
    main()
