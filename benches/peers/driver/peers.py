"""Who is compared, how each one is run, and what it is held to."""

from dataclasses import dataclass

# glibc's malloc without its habit of giving every large block back to the system and faulting it in anew.
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 26)}

# OpenMP's threads each on a core of their own. Left to the system, the second can wake behind the first, which spins
# for it: 4 ms for a call of 20 us.
BOUND = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}


@dataclass(frozen=True)
class Goal:
    """The least of (its step) / (our step) that the project wants, with the sentence that says so."""

    ratio: float
    text: str


@dataclass(frozen=True)
class Memory:
    """Peak memory of a worker: tensors per layer that it holds, tensors besides, bytes of its own."""

    per_layer: int
    besides: int = 3
    own: int = 1 << 26

    def bytes(self, layers):
        """For these layers, in f32."""
        return 4 * layers.elements * (layers.held * self.per_layer + self.besides) + self.own


TORCH = Memory(4, own=800 << 20)
BURN = Memory(5, besides=8)
CANDLE = Memory(14, besides=30)


@dataclass(frozen=True)
class Peer:
    """One row of the comparison."""

    name: str
    kind: str  # what has to be installed
    mode: str  # what its worker is told to run
    allocator: str  # "default" or "tuned"
    memory: Memory  # what its worker needs, measured and rounded up
    goal: Goal | None = None
    upstream: str = "given"  # or "ones": made by the framework in backward
    destroys_input: bool = False  # its slope gradient is the sum over y in place of x
    every: int = 1  # sampled in every so many rounds: the slow ones take too long for more

    def environment(self, threads):
        """What is set for its worker beside the caller's environment."""
        count = str(threads)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
        bound = BOUND if self.kind in ("onednn", "torch") else {}
        return {name: count for name in names} | bound | (TUNED if self.allocator == "tuned" else {})


OURS = ("bitmask", "adaptive", "full-copy", "output-sign", "int8-mask")


def ours(name):
    return Peer(name, "ours", name, "default", Memory(3))


PEERS = [
    ours("bitmask"),
    ours("bitmask-active"),
    ours("adaptive"),
    ours("full-copy"),
    Peer("onednn-in-place", "onednn", "in-place", "default", Memory(2), Goal(1 / 1.1, "our step <= 1.1 x"),
         destroys_input=True),
    Peer("onednn-legal", "onednn", "legal", "default", Memory(3), Goal(1.4, ">= 1.4 x ours")),
    Peer("torch-compile-tuned", "torch", "compile", "tuned", TORCH, Goal(2, ">= 2 x ours")),
    Peer("torch-compile", "torch", "compile", "default", TORCH),
    Peer("torch-eager-tuned", "torch", "eager", "tuned", TORCH, every=4),
    Peer("torch-eager", "torch", "eager", "default", TORCH, Goal(10, ">= 10 x ours"), every=4),
    Peer("burn", "burn", "flex", "default", BURN, Goal(6, ">= 6 x ours"), upstream="ones", every=4),
    Peer("candle", "candle", "nn", "default", CANDLE, Goal(30, ">= 30 x ours"), upstream="ones", every=8),
    Peer("caffe-formula", "caffe", "in-place", "default", Memory(4), every=4),
]

# By name only: not in the default run.
FURTHER = [
    ours("output-sign"),
    ours("int8-mask"),
    Peer("burn-tuned", "burn", "flex", "tuned", BURN, upstream="ones", every=4),
    Peer("candle-tuned", "candle", "nn", "tuned", CANDLE, upstream="ones", every=8),
]


def find(name):
    """The peer of this name, or None."""
    return next((peer for peer in PEERS + FURTHER if peer.name == name), None)
