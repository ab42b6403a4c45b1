#!/usr/bin/env python3
"""Trains a small network on handwritten digits with torch.nn.PReLU and with prelu_mem's: both curves, both peaks.

  python examples/digits.py [--epochs 8] [--batch 250] [--data crates/net/data/digits.csv]
"""

import argparse
import pathlib
import resource
import subprocess
import sys

import torch
from torch import nn

from prelu_mem.torch import convert

DATA = pathlib.Path(__file__).resolve().parents[2] / "crates" / "net" / "data" / "digits.csv"


def resident_peak():
    # A child's ru_maxrss begins at its parent's, from before exec; the kernel's own count does not.
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.PReLU(32),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.PReLU(32),
        nn.Conv2d(32, 64, 3, padding=1, stride=2), nn.PReLU(64),
        nn.Flatten(), nn.Linear(64 * 16, 64), nn.PReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def digits(path):
    """Images from -1 to 1 and labels; every sixth digit is for testing."""
    rows = torch.tensor([[float(field) for field in line.split(",")] for line in path.read_text().split()])
    images, labels = rows[:, :64].view(-1, 1, 8, 8) / 8 - 1, rows[:, 64].long()
    test = torch.arange(len(rows)) % 6 == 5
    return (images[~test], labels[~test]), (images[test], labels[test])


def saved_by_autograd(run):
    """What comes of ``run``, and the bytes that autograd keeps for it, parameters apart."""
    storages = {}

    def pack(tensor):
        if not isinstance(tensor, nn.Parameter):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        return run(), sum(storages.values())


def train(model, options):
    (images, labels), (test_images, test_labels) = digits(options.data)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    peak = 0
    for epoch in range(options.epochs):
        total = 0.0
        for chosen in torch.randperm(len(images), generator=generator).split(options.batch):
            optimizer.zero_grad()
            outputs, saved = saved_by_autograd(lambda: model(images[chosen]))
            loss = nn.functional.cross_entropy(outputs, labels[chosen])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
            peak = max(peak, saved)
        with torch.no_grad():
            model.eval()
            right = (model(test_images).argmax(1) == test_labels).float().mean().item()
            model.train()
        print(f"{epoch} {total / len(images):.5f} {right:.4f}")
    print(f"peak {peak} {resident_peak()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="the digits that come with the project")
    parser.add_argument("--side", choices=["torch.nn.PReLU", "prelu_mem"], help="train one side and print its figures")
    options = parser.parse_args()
    if options.side:
        train(network() if options.side == "torch.nn.PReLU" else convert(network()), options)
        return
    curves = {}
    # Processes of their own, so that each has its own peak.
    for side in ("torch.nn.PReLU", "prelu_mem"):
        print(f"training with {side} ..", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
        text = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
        curves[side] = [line.split() for line in text.splitlines()]
    print(f"{'':8}{'torch.nn.PReLU':>28}{'prelu_mem':>28}")
    print(f"{'epoch':8}" + f"{'loss':>14}{'test accuracy':>14}" * 2)
    for left, right in zip(*(curve[:-1] for curve in curves.values()), strict=True):
        print(f"{int(left[0]) + 1:<8}" + "".join(f"{loss:>14}{accuracy:>14}" for _, loss, accuracy in (left, right)))
    for index, label in ((1, "kept for backward"), (2, "process's peak")):
        print(f"{label:22}" + "".join(f"{int(curve[-1][index]) / 2**20:10.1f} MiB{'':14}" for curve in curves.values()))


if __name__ == "__main__":
    main()
