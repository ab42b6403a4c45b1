"""Who is compared, how each one is run, and what it is held to."""

from dataclasses import dataclass

# glibc's malloc without its habit of giving every large block back to the system and faulting it in anew.
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 26)}


@dataclass(frozen=True)
class Goal:
    """The least of (its step) / (our step) that the project wants, with the sentence that says so."""

    ratio: float
    text: str


@dataclass(frozen=True)
class Peer:
    """One row of the comparison."""

    name: str
    kind: str  # what has to be installed
    mode: str  # what its worker is told to run
    allocator: str  # "default" or "tuned"
    arrays: int  # tensors of a layer's size held per layer, for the memory that a run needs
    goal: Goal | None = None
    upstream: str = "given"  # or "ones": made by the framework in backward
    destroys_input: bool = False  # its slope gradient is the sum over y in place of x

    def environment(self, threads):
        """What is set for its worker beside the caller's environment."""
        count = str(threads)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
        return {name: count for name in names} | (TUNED if self.allocator == "tuned" else {})


OURS = ("bitmask", "adaptive", "full-copy", "output-sign", "int8-mask")


def ours(name):
    return Peer(name, "ours", name, "default", 3)


PEERS = [
    ours("bitmask"),
    ours("adaptive"),
    ours("full-copy"),
    Peer("onednn-in-place", "onednn", "in-place", "default", 2, Goal(1 / 1.1, "our step <= 1.1 x"),
         destroys_input=True),
    Peer("onednn-legal", "onednn", "legal", "default", 3, Goal(1.4, ">= 1.4 x ours")),
    Peer("torch-compile-tuned", "torch", "compile", "tuned", 5, Goal(2, ">= 2 x ours")),
    Peer("torch-compile", "torch", "compile", "default", 5),
    Peer("torch-eager-tuned", "torch", "eager", "tuned", 6),
    Peer("torch-eager", "torch", "eager", "default", 6, Goal(10, ">= 10 x ours")),
    Peer("burn", "burn", "flex", "default", 8, Goal(6, ">= 6 x ours"), upstream="ones"),
    Peer("candle", "candle", "nn", "default", 14, Goal(30, ">= 30 x ours"), upstream="ones"),
]

# By name only: not in the default run.
FURTHER = [
    ours("output-sign"),
    ours("int8-mask"),
    Peer("burn-tuned", "burn", "flex", "tuned", 8, upstream="ones"),
    Peer("candle-tuned", "candle", "nn", "tuned", 14, upstream="ones"),
]


def find(name):
    """The peer of this name, or None."""
    return next((peer for peer in PEERS + FURTHER if peer.name == name), None)
