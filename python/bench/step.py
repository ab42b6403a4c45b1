#!/usr/bin/env python3
"""IResNet-50's training steps with torch.nn.PReLU and with prelu_mem: what autograd saves, the process's peak, losses.

  python bench/step.py [--batch 8] [--steps 20] [--size 112] [--threads 2] [--output RECORD.json]

Each side runs in a process of its own, so that the peaks are its own.
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import subprocess
import sys
import time

import torch
from iresnet import iresnet50
from torch import nn

from prelu_mem.torch import convert


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--strategy", default="adaptive")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--side", choices=["stock", "converted"], help="run one side and print its figures as JSON")
    options = parser.parse_args()
    if options.side:
        print(json.dumps(train(options)))
        return
    results = {}
    for side in ("stock", "converted"):
        command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
        results[side] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    stock, ours = results["stock"], results["converted"]
    print(f"IResNet-50, {options.size} x {options.size}, batch {options.batch}, f32, torch {torch.__version__}")
    print(f"{'':24}{'torch.nn.PReLU':>16}{'prelu_mem':>16}")
    for key, label in (("saved", "autograd saves"), ("step_peak", "peak over the model"), ("peak", "process's peak")):
        print(f"{label:24}{stock[key] / 2**20:12.1f} MiB{ours[key] / 2**20:12.1f} MiB")
    print(f"{'seconds per step':24}{stock['seconds']:16.2f}{ours['seconds']:16.2f}")
    for step, losses in enumerate(zip(stock["losses"], ours["losses"], strict=True)):
        print(f"{f'loss of step {step + 1}':24}{losses[0]:16.6f}{losses[1]:16.6f}")
    if options.output:
        settings = {key: getattr(options, key) for key in ("batch", "steps", "size", "threads", "strategy")}
        record = {
            "schema": 1, "record": "torch-step", "network": "iresnet50", "torch": torch.__version__,
            "python": platform.python_version(), "machine": platform.machine(), "settings": settings, "sides": results,
        }  # fmt: skip
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def resident_peak():
    # A child's ru_maxrss begins at its parent's, from before exec; the kernel's own count does not.
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def saved_bytes(run):
    """Bytes of the tensors that autograd holds after ``run``, each memory counted once, parameters not."""
    storages = {}

    def pack(tensor):
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    return result, sum(storages.values())


def train(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = iresnet50(options.size)
    if options.side == "converted":
        model = convert(model, strategy=options.strategy)
    images = torch.randn(options.batch, 3, options.size, options.size)
    targets = torch.randint(0, 10, (options.batch,))
    head = nn.Linear(512, 10)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.01, momentum=0.9)
    before = resident_peak()
    losses, saved, start = [], 0, 0.0
    for step in range(options.steps):
        start = time.perf_counter() if step == min(1, options.steps - 1) else start
        optimizer.zero_grad()
        logits, bytes_of_step = saved_bytes(lambda: head(model(images)))
        saved = max(saved, bytes_of_step)
        loss = nn.functional.cross_entropy(logits, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    seconds = (time.perf_counter() - start) / max(1, options.steps - 1)
    peak = resident_peak()
    return {"saved": saved, "peak": peak, "step_peak": peak - before, "seconds": seconds, "losses": losses}


if __name__ == "__main__":
    main()
