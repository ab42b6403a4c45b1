#!/usr/bin/env python3
"""Forward plus backward of the layer on IResNet-50's shapes: prelu_mem, eager torch.nn.PReLU and torch.compile's.

  python bench/speed.py [--batch 8] [--threads 2] [--samples 9] [--dtype float32] [--output RECORD.json]
  python bench/speed.py --device cuda --batch 128

All in one run and one process, sampled alternately, pre-activations of random signs. Timed are the layer's calls alone:
its input was just written, as by the layer before, and so was its upstream gradient, which nobody else owns.
On a GPU it is the time between events around the calls, in a queue that is filled ahead of the device: Python's time is
hidden there, as in a network that keeps the device busy. On the CPU the allocator is the one of the environment:
MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 MALLOC_TOP_PAD_=268435456 keep what is freed.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import time

import torch
from iresnet import LAYERS
from torch import nn

from prelu_mem.torch import PReLU


class Source(torch.autograd.Function):
    """Gives a tensor a history; in backward, notes when the layer is done."""

    @staticmethod
    def forward(ctx, leaf, values, clock):
        ctx.clock = clock
        return values.clone()

    @staticmethod
    def backward(ctx, grad):
        ctx.clock.mark()
        return None, None, None


class Sink(torch.autograd.Function):
    """Hands the layer a gradient that was just written, and notes the time."""

    @staticmethod
    def forward(ctx, y, upstream, clock):
        ctx.upstream, ctx.clock = upstream, clock
        return y.new_zeros(())

    @staticmethod
    def backward(ctx, grad):
        fresh = ctx.upstream.clone()
        ctx.clock.mark()
        return fresh, None, None


class Clock:
    """Marks in time, on the CPU's clock or in the GPU's queue."""

    def __init__(self, device):
        self.device = device
        self.marks = []

    def lead(self):
        """Keeps the GPU busy while calls are queued, so that none waits for Python."""
        if self.device == "cuda":
            torch.cuda._sleep(LEAD)

    def mark(self):
        if self.device == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def seconds(self):
        """Between the first and the second mark, the third and the fourth, .."""
        pairs = list(zip(self.marks[::2], self.marks[1::2], strict=True))
        if self.device == "cuda":
            torch.cuda.synchronize()
            return [start.elapsed_time(end) / 1e3 for start, end in pairs]
        return [end - start for start, end in pairs]


#: Cycles of the GPU's clock: longer than Python takes for the calls of one direction.
LEAD = 4_000_000


def machine(device):
    """What the times hold for."""
    cpu = platform.processor()
    if pathlib.Path("/proc/cpuinfo").exists():
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    about = {"cpu": cpu, "cores": os.cpu_count()}
    return about if device == "cpu" else {**about, "gpu": torch.cuda.get_device_name()}


def sample(layer, source, upstream, leaf):
    """Seconds of forward and of backward."""
    clock = Clock(source.device.type)
    clock.lead()
    x = Source.apply(leaf, source, clock)
    clock.mark()
    y = layer(x)
    clock.mark()
    del x
    out = Sink.apply(y, upstream, clock)
    del y
    clock.lead()
    out.backward()
    return clock.seconds()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--samples", type=int, default=9)
    parser.add_argument("--dtype", choices=["float16", "bfloat16", "float32", "float64"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--strategy", default="adaptive")
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: PyTorch sees no CUDA device here; cpu is accepted")
    torch.set_num_threads(options.threads)
    torch._dynamo.config.recompile_limit = 64
    dtype = getattr(torch, options.dtype)
    names = ["prelu_mem", "eager", "compile"]
    totals = {name: [0.0] * options.samples for name in names}
    rows = []
    for repeat, shape in LAYERS:
        torch.manual_seed(0)
        source = torch.randn((options.batch, *shape), device=options.device).to(dtype)
        upstream = torch.randn_like(source)
        leaf = torch.zeros((), requires_grad=True, device=options.device)
        layers = {
            "prelu_mem": PReLU(shape[0], dtype=dtype, device=options.device, strategy=options.strategy),
            "eager": nn.PReLU(shape[0], dtype=dtype, device=options.device),
        }
        slopes = torch.empty(shape[0]).uniform_(0.05, 0.45)
        for layer in layers.values():
            with torch.no_grad():
                layer.weight.copy_(slopes)
        layers["compile"] = torch.compile(layers["eager"], fullgraph=True, dynamic=False)
        times = {name: [] for name in names}
        for index in range(options.samples + 2):
            for name in names:
                seconds = sample(layers[name], source, upstream, leaf)
                if index >= 2:
                    times[name].append(seconds)
        for name in names:
            for index, (forward, backward) in enumerate(times[name]):
                totals[name][index] += repeat * (forward + backward)
        rows.append({"repeat": repeat, "shape": list(source.shape), "seconds": times})
        medians = {name: [statistics.median(side) * 1e3 for side in zip(*times[name])] for name in names}
        shown = "  ".join(f"{name} {f:8.3f} + {b:8.3f}" for name, (f, b) in medians.items())
        print(f"{repeat:2} x {str(tuple(source.shape)):22} ms forward + backward  {shown}", flush=True)
    step = {name: statistics.median(totals[name]) for name in names}
    ratios = {name: [other / own for other, own in zip(totals[name], totals["prelu_mem"])] for name in names[1:]}
    print("all layers: " + ", ".join(f"{name} {seconds * 1e3:.1f} ms" for name, seconds in step.items()))
    for name, values in ratios.items():
        print(f"{name} / prelu_mem: {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")
    if options.output:
        allocator = {key: value for key, value in os.environ.items() if key.startswith("MALLOC_")}
        record = {
            "schema": 1, "record": "torch-layer", "torch": torch.__version__, "python": platform.python_version(),
            "batch": options.batch, "threads": options.threads, "dtype": options.dtype, "strategy": options.strategy,
            "device": options.device, "machine": machine(options.device), "allocator": allocator,
            "signs": "random", "slopes": "uniform in [0.05, 0.45]",
            "milliseconds": {name: seconds * 1e3 for name, seconds in step.items()}, "ratios": ratios, "rows": rows,
        }  # fmt: skip
        options.output.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
