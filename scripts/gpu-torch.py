#!/usr/bin/env python3
"""Times PyTorch's own PReLU, out of place, on iresnet50's PReLU layers, beside a copy of the same size.

  gpu-torch.py RESULT.json [--batch 128] [--samples 30]

Each layer's input is written before its forward pass and its upstream gradient before its backward pass, as the layer
beside it would, outside of the time: as `prelu-mem bench` does it. Times are of CUDA events around the passes.
"""

import argparse
import json
import pathlib
import platform
import statistics

import torch
import torch.nn.functional as functional

# Repeats, channels, height and width, as in `prelu-mem bench --network iresnet50`.
LAYERS = [
    (2, 64, 112), (2, 64, 56), (1, 128, 56), (3, 128, 28), (1, 256, 28), (13, 256, 14), (1, 512, 14), (2, 512, 7),
]  # fmt: skip
DTYPES = {"f32": torch.float32, "f16": torch.float16}
SLOPE = 0.25


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=pathlib.Path)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--samples", type=int, default=30)
    options = parser.parse_args()
    properties = torch.cuda.get_device_properties(0)
    result = {
        "schema": 1,
        "record": "torch-prelu",
        "device": properties.name,
        "memory_bytes": properties.total_memory,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "network": "iresnet50",
        "batch": options.batch,
        "dtypes": {name: measure(dtype, options) for name, dtype in DTYPES.items()},
    }
    options.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def shapes(batch):
    return [(batch, channels, size, size) for repeat, channels, size in LAYERS for _ in range(repeat)]


def measure(dtype, options):
    torch.manual_seed(0)
    layers = [Layer(shape, dtype) for shape in shapes(options.batch)]
    largest = max(layers, key=lambda layer: layer.x.numel())
    source = torch.randn_like(largest.x, dtype=torch.float32).to(dtype).flatten()
    times = {"forward": [], "backward": [], "copy": []}
    for sample in range(options.samples + 3):
        spent = step(layers, source)
        # The first ones pay for the allocator's first blocks.
        if sample >= 3:
            for name, seconds in spent.items():
                times[name].append(seconds)
    elements = sum(layer.x.numel() for layer in layers)
    moved = 2 * elements * layers[0].x.element_size()
    copy = statistics.median(times["copy"])
    found = {f"{name}_seconds": summary(samples) for name, samples in times.items()}
    return {"elements": elements, "layers": len(layers), "copy_gbps": moved / copy / 1e9, **found}


class Layer:
    """Input, slopes and the gradient's buffer of one layer."""

    def __init__(self, shape, dtype):
        self.x = torch.empty(shape, dtype=dtype, device="cuda", requires_grad=True)
        self.slopes = torch.full((shape[1],), SLOPE, dtype=dtype, device="cuda", requires_grad=True)
        self.upstream = torch.empty(shape, dtype=dtype, device="cuda")


def step(layers, source):
    """Seconds of one forward pass, one backward pass and one copy over all layers."""
    watches = {name: Watch() for name in ("forward", "backward", "copy")}
    lead()
    outputs = []
    for layer in layers:
        fill(layer.x.detach(), source)
        with watches["forward"]:
            outputs.append(functional.prelu(layer.x, layer.slopes))
    lead()
    for layer in reversed(layers):
        output = outputs.pop()
        fill(layer.upstream, source)
        with watches["backward"]:
            torch.autograd.grad(output, (layer.x, layer.slopes), layer.upstream)
    lead()
    for layer in layers:
        fill(layer.x.detach(), source)
        with watches["copy"]:
            layer.upstream.copy_(layer.x.detach())
    torch.cuda.synchronize()
    return {name: watch.seconds() for name, watch in watches.items()}


def fill(tensor, source):
    tensor.view(-1).copy_(source[: tensor.numel()])


def lead():
    """Keeps the device busy while the first calls are queued, so that no pass waits for Python."""
    torch.cuda._sleep(20_000_000)


class Watch:
    """Adds up the time between pairs of events."""

    def __init__(self):
        self.pairs = []

    def __enter__(self):
        self.start = torch.cuda.Event(enable_timing=True)
        self.start.record()

    def __exit__(self, *_):
        end = torch.cuda.Event(enable_timing=True)
        end.record()
        self.pairs.append((self.start, end))

    def seconds(self):
        return sum(start.elapsed_time(end) for start, end in self.pairs) / 1e3


def summary(samples):
    return {"median": statistics.median(samples), "min": min(samples), "max": max(samples), "samples": samples}


if __name__ == "__main__":
    main()
