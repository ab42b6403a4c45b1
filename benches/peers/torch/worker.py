"""A worker that runs PyTorch's PReLU. Arguments: "eager" or "compile", threads. The protocol is in docs/peers.md."""

import os
import sys
import time

# Nothing but replies goes to the driver, whatever a library prints.
REPLIES = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import numpy  # noqa: E402
import torch  # noqa: E402


def read(name):
    return torch.from_numpy(numpy.fromfile(name, dtype=numpy.float32))


class Opened:
    """Equal layers, one after the other."""

    def __init__(self, mode, repeat, shape):
        self.source = read("x.f32").view(shape)
        self.upstream = read("g.f32").view(shape)
        self.slopes = read("slopes.f32").requires_grad_()
        self.inputs = [torch.empty_like(self.source).requires_grad_() for _ in range(repeat)]
        self.gradients = [torch.empty_like(self.source) for _ in range(repeat)]
        self.prelu = torch.nn.functional.prelu
        if mode == "compile":
            torch.compiler.reset()
            self.prelu = torch.compile(self.prelu, backend="inductor", fullgraph=True, dynamic=False)
        self.last = None

    def sample(self):
        """Seconds of forward through all layers and of backward through them in reverse."""
        self.last = None
        forward = backward = 0.0
        self.prelu(self.inputs[0], self.slopes)  # wakes the threads
        outputs = []
        for x in self.inputs:
            with torch.no_grad():
                x.copy_(self.source)
            start = time.perf_counter()
            y = self.prelu(x, self.slopes)
            forward += time.perf_counter() - start
            outputs.append(y)
        for x, g in zip(reversed(self.inputs), reversed(self.gradients)):
            g.copy_(self.upstream)
            y = outputs.pop()
            start = time.perf_counter()
            found = torch.autograd.grad(y, (x, self.slopes), g)
            backward += time.perf_counter() - start
            self.last = (y, *found)
        return forward, backward

    def write(self, prefix):
        for name, tensor in zip(("y", "dx", "da"), self.last):
            tensor.detach().contiguous().numpy().tofile(f"{prefix}.{name}.f32")


def answer(line, mode, opened):
    """The reply, and what is open from now on."""
    request, *rest = line.split()
    if request == "open":
        repeat, *shape = map(int, rest)
        return "ok", Opened(mode, repeat, shape)
    if request == "close":
        return "ok", None
    if opened is None:
        raise RuntimeError("nothing is open")
    if request == "sample":
        forward, backward = opened.sample()
        return f"times {forward} {backward}", opened
    if request == "write":
        opened.write(*rest)
        return "ok", opened
    raise RuntimeError(f"no such request: {line}")


def main():
    mode, threads = sys.argv[1], int(sys.argv[2])
    if mode not in ("eager", "compile"):
        sys.exit(f"worker.py: {mode} is neither eager nor compile")
    torch.set_num_threads(threads)
    # A graph that was not compiled is an error, not an eager measurement.
    torch._dynamo.config.suppress_errors = False
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    print(f"ready {torch.__version__}", file=REPLIES)
    opened = None
    for line in sys.stdin:
        try:
            reply, opened = answer(line, mode, opened)
        except Exception as error:  # whatever it is, the driver has to hear of it
            reply = f"error {type(error).__name__}: {error}".replace("\n", " ")
        print(reply, file=REPLIES)


main()
