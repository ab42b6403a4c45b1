"""The PReLU layers that are measured: the networks' tables, as `prelu-mem bench` has them."""

from dataclasses import dataclass
from math import prod

TABLES = {
    "iresnet50": (8, [
        (2, (64, 112, 112)), (2, (64, 56, 56)), (1, (128, 56, 56)), (3, (128, 28, 28)),
        (1, (256, 28, 28)), (13, (256, 14, 14)), (1, (512, 14, 14)), (2, (512, 7, 7)),
    ]),
    "vnet": (1, [
        (2, (16, 128, 128, 64)), (2, (32, 128, 128, 64)), (1, (2, 128, 128, 64)),
        (4, (32, 64, 64, 32)), (2, (64, 64, 64, 32)), (5, (64, 32, 32, 16)), (3, (128, 32, 32, 16)),
        (6, (128, 16, 16, 8)), (3, (256, 16, 16, 8)), (4, (256, 8, 8, 4)),
    ]),
    "quick": (2, [(2, (64, 28, 28)), (3, (16, 16, 16, 8))]),
}

BEYOND_CACHES = 64 << 20


@dataclass(frozen=True)
class Layers:
    """Equal layers."""

    repeat: int
    shape: tuple[int, ...]

    @property
    def elements(self):
        return prod(self.shape)

    @property
    def held(self):
        """How many a worker holds at a time: all of them, unless one alone is beyond what stays in any cache."""
        return self.repeat if 4 * self.elements < BEYOND_CACHES else 1


@dataclass(frozen=True)
class Network:
    """A network's PReLU layers at a batch size."""

    name: str
    batch: int
    layers: tuple[Layers, ...]


def single(text):
    """The "network" of equal layers given as "N,C,D1,.." or "REPEATxN,C,D1,.."; ValueError says what is accepted."""
    repeat, _, sizes = text.rpartition("x")
    numbers = [repeat or "1", *sizes.split(",")]
    if not 3 <= len(numbers) <= 6 or not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise ValueError(f"{text!r} is not 2 to 5 sizes N,C,D1,.. above 0, or REPEATxN,C,D1,..")
    count, *shape = map(int, numbers)
    return Network(text, shape[0], (Layers(count, tuple(shape)),))


def network(text):
    """The network named by "NAME" or "NAME:BATCH"; ValueError says what is accepted."""
    name, _, batch = text.partition(":")
    if name not in TABLES:
        raise ValueError(f"no network {name!r}; there are {', '.join(TABLES)}")
    usual, table = TABLES[name]
    if batch and not (batch.isdecimal() and int(batch) > 0):
        raise ValueError(f"batch {batch!r} of {name} is not a whole number above 0")
    size = int(batch) if batch else usual
    return Network(name, size, tuple(Layers(repeat, (size, *sizes)) for repeat, sizes in table))
