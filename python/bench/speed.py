#!/usr/bin/env python3
"""Forward plus backward of the layer on IResNet-50's shapes: prelu_mem, eager torch.nn.PReLU and torch.compile's.

  python bench/speed.py [--batch 8] [--threads 2] [--samples 9] [--dtype float32] [--output RECORD.json]

All in one run and one process, sampled alternately, pre-activations of random signs. Timed are the layer's calls alone:
its input was just written, as by the layer before, and so was its upstream gradient, which nobody else owns.
The allocator is the one of the environment: MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=-1 MALLOC_TOP_PAD_=268435456 keep what is freed.
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
        ctx.clock.append(time.perf_counter())
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
        ctx.clock.append(time.perf_counter())
        return fresh, None, None


def machine():
    """What the times hold for."""
    cpu = platform.processor()
    if pathlib.Path("/proc/cpuinfo").exists():
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    return {"cpu": cpu, "cores": os.cpu_count()}


def sample(layer, source, upstream, leaf):
    """Seconds of forward and of backward."""
    clock = []
    x = Source.apply(leaf, source, clock)
    start = time.perf_counter()
    y = layer(x)
    forward = time.perf_counter() - start
    del x
    out = Sink.apply(y, upstream, clock)
    del y
    out.backward()
    return forward, clock[1] - clock[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--samples", type=int, default=9)
    parser.add_argument("--dtype", choices=["float16", "bfloat16", "float32", "float64"], default="float32")
    parser.add_argument("--strategy", default="adaptive")
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch._dynamo.config.recompile_limit = 64
    dtype = getattr(torch, options.dtype)
    names = ["prelu_mem", "eager", "compile"]
    totals = {name: [0.0] * options.samples for name in names}
    rows = []
    for repeat, shape in LAYERS:
        torch.manual_seed(0)
        source = torch.randn((options.batch, *shape), dtype=dtype)
        upstream = torch.randn_like(source)
        leaf = torch.zeros((), requires_grad=True)
        layers = {
            "prelu_mem": PReLU(shape[0], dtype=dtype, strategy=options.strategy),
            "eager": nn.PReLU(shape[0], dtype=dtype),
        }
        slopes = torch.empty(shape[0]).uniform_(0.05, 0.45)
        for layer in layers.values():
            layer.weight.data.copy_(slopes)
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
            "machine": machine(), "allocator": allocator, "signs": "random", "slopes": "uniform in [0.05, 0.45]",
            "milliseconds": {name: seconds * 1e3 for name, seconds in step.items()}, "ratios": ratios, "rows": rows,
        }  # fmt: skip
        options.output.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
