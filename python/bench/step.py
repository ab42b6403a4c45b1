#!/usr/bin/env python3
"""IResNet-50's training steps with torch.nn.PReLU and with prelu_mem: what autograd saves, the peak of memory, losses.

  python bench/step.py [--batch 8] [--steps 20] [--rounds 1] [--size 112] [--threads 2] [--output RECORD.json]
  python bench/step.py --device cuda --batch 128 --rounds 3 [--autocast bfloat16]

The peak is the process's on the CPU, and on a GPU that of what PyTorch has allocated there. Each side runs in a process of
its own, so that the peaks are its own, once in each round. A step's time ends when its loss is known; the first two steps of
a process, in which memory is taken and kernels are chosen, are not timed. What is saved is counted in the first. On a GPU
the host's time is told too: until forward, and then backward, have been put in the queue.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

import torch
from iresnet import iresnet50
from torch import nn

from prelu_mem.torch import convert

#: Steps of a process that are not timed.
WARM_UP = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20, help=f"in each process, more than {WARM_UP} to time any")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--strategy", default="adaptive")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--autocast", choices=["float16", "bfloat16"], help="mixed precision, float16 without loss scaling")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--side", choices=["stock", "converted"], help="run one side and print its figures as JSON")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: PyTorch sees no CUDA device here; cpu is accepted")
    if options.side:
        print(json.dumps(train(options)))
        return
    for name, least in (("batch", 2), ("rounds", 1), ("steps", WARM_UP + 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name} {getattr(options, name)}: {least} or more are accepted")
    results = {"stock": [], "converted": []}
    for _ in range(options.rounds):
        for side, found in results.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            found.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    results = {side: joined(found) for side, found in results.items()}
    stock, ours = results["stock"], results["converted"]
    kind = options.autocast or "float32"
    where = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"IResNet-50, {options.size} x {options.size}, batch {options.batch}, {kind}, {where}, torch {torch.__version__}")
    print(f"{'':24}{'torch.nn.PReLU':>16}{'prelu_mem':>16}")
    for key, label in (("saved", "autograd saves"), ("step_peak", "peak over the model"), ("peak", "peak")):
        print(f"{label:24}{stock[key] / 2**20:12.1f} MiB{ours[key] / 2**20:12.1f} MiB")
    for name, of in (("median", statistics.median), ("least", min), ("most", max)):
        times = [of(sum(side["step_seconds"], [])) * 1e3 for side in (stock, ours)]
        print(f"{f'a step, {name}':24}{times[0]:13.2f} ms{times[1]:13.2f} ms")
    if options.device == "cuda":
        for part, name in enumerate(("forward", "backward")):
            times = [[step[part] * 1e3 for step in sum(side["host_seconds"], [])] for side in (stock, ours)]
            medians = [statistics.median(of_side) for of_side in times]
            print(f"{f'host, {name}':24}{medians[0]:13.2f} ms{medians[1]:13.2f} ms")
    for step, losses in enumerate(zip(stock["losses"], ours["losses"], strict=True)):
        print(f"{f'loss of step {step + 1}':24}{losses[0]:16.6f}{losses[1]:16.6f}")
    if options.output:
        asked = ("batch", "steps", "rounds", "size", "threads", "strategy", "device", "autocast")
        settings = {key: getattr(options, key) for key in asked}
        record = {
            "schema": 1, "record": "torch-step", "network": "iresnet50", "torch": torch.__version__,
            "python": platform.python_version(), "machine": platform.machine(), "place": where,
            "settings": settings, "sides": results,
        }  # fmt: skip
        options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def joined(rounds):
    """One side's rounds: the most memory, the seconds of each round's steps (of the host: forward, backward), the first
    round's losses."""
    most = {key: max(found[key] for found in rounds) for key in ("saved", "peak", "step_peak")}
    times = {key: [found[key] for found in rounds] for key in ("step_seconds", "host_seconds")}
    return {**most, **times, "losses": rounds[0]["losses"]}


def peak_bytes(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
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
    model = iresnet50(options.size).to(options.device)
    if options.side == "converted":
        model = convert(model, strategy=options.strategy)
    images = torch.randn(options.batch, 3, options.size, options.size).to(options.device)
    targets = torch.randint(0, 10, (options.batch,)).to(options.device)
    head = nn.Linear(512, 10).to(options.device)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.01, momentum=0.9)
    autocast = contextlib.nullcontext()
    if options.autocast:
        autocast = torch.autocast(options.device, getattr(torch, options.autocast))
    before = peak_bytes(options.device)
    losses, seconds, host, saved = [], [], [], 0
    for step in range(options.steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        with autocast:
            if step == 0:
                logits, saved = saved_bytes(lambda: head(model(images)))
            else:
                logits = head(model(images))
            loss = nn.functional.cross_entropy(logits, targets)
        forward = time.perf_counter()
        loss.backward()
        backward = time.perf_counter()
        optimizer.step()
        # This waits for the device, too.
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        host.append([forward - start, backward - forward])
    peak = peak_bytes(options.device)
    times = {"step_seconds": seconds[WARM_UP:], "host_seconds": host[WARM_UP:]}
    return {"saved": saved, "peak": peak, "step_peak": peak - before, **times, "losses": losses}


if __name__ == "__main__":
    main()
