"""From samples to rows: medians, spread, ratios round by round, goals."""

from dataclasses import dataclass
from math import prod
from statistics import median

DIRECTIONS = ("forward", "backward")
# Bytes that one f32 element has to move at least, in place.
LEAST = {"forward": 8, "backward": 12}


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values):
        return Spread(median(values), min(values), max(values))

    def as_record(self):
        return {"median": self.median, "min": self.least, "max": self.most}


@dataclass(frozen=True)
class Row:
    """One peer in one run."""

    peer: object
    forward: Spread  # seconds, all layers of the network
    backward: Spread
    step: Spread
    ratio: Spread | None  # its step over the reference's of the same round
    met: bool | None  # None: no goal, or nothing to compare with

    def as_record(self):
        return {
            "peer": self.peer.name,
            **{name: getattr(self, name).as_record() for name in (*DIRECTIONS, "step")},
            "ratio": self.ratio and self.ratio.as_record(),
            "goal": self.peer.goal and {"least_ratio": self.peer.goal.ratio, "met": self.met},
        }


def steps(run, peer):
    """By round, (forward, backward) seconds over all layers; None where a layer was not measured whole."""
    by_layer = [layer.get(peer.name, []) for layer in run.layers]
    turns = len(range(0, run.rounds, peer.every))
    if turns == 0 or any(len(samples) != turns for samples in by_layer):
        return None
    sums = [tuple(map(sum, zip(*samples))) for samples in zip(*by_layer)]
    return dict(zip(range(0, run.rounds, peer.every), sums))


def rows(run, peers, reference):
    """A row for every peer that was measured whole."""
    found = {peer.name: steps(run, peer) for peer in peers}
    base = found.get(reference)
    made = []
    for peer in peers:
        samples = found[peer.name]
        if samples is None:
            continue
        ratio = base and Spread.of([sum(one) / sum(base[turn]) for turn, one in samples.items() if turn in base])
        made.append(Row(
            peer,
            Spread.of([forward for forward, _ in samples.values()]),
            Spread.of([backward for _, backward in samples.values()]),
            Spread.of([forward + backward for forward, backward in samples.values()]),
            ratio or None,
            ratio.median >= peer.goal.ratio if peer.goal and ratio else None,
        ))
    return made


def ms(seconds):
    """Milliseconds in at least three digits."""
    return f"{seconds * 1e3:.{2 if seconds >= 1e-3 else 4}f}"


def title(run):
    network = run.network
    return (f"{network.name}, batch {network.batch}, {run.signs} signs, {run.threads} "
            f"thread{'s' * (run.threads > 1)}")


def table(run, peers, reference, failures):
    """A run as a Markdown table."""
    lines = [
        f"### {title(run)}",
        "",
        f"Others used {run.others.busy:.2f} processors meanwhile, {run.others.stolen:.2f} were stolen.",
        "",
        "| peer | allocator | forward ms | backward ms | step ms (min to max) "
        f"| step / {reference}'s (min to max) | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    measured = {row.peer.name: row for row in rows(run, peers, reference)}
    for peer in peers:
        row = measured.get(peer.name)
        if row is None:
            reason = failures.get(peer.name, "not measured").replace("|", "/")
            lines.append(f"| {peer.name} | {peer.allocator} | NOT MEASURED: {reason} | | | | |")
            continue
        ratio = f"{row.ratio.median:.2f} ({row.ratio.least:.2f} to {row.ratio.most:.2f})" if row.ratio else ""
        verdict = {True: ": met", False: ": NOT MET", None: ": no reference"}[row.met]
        lines.append(
            f"| {peer.name} | {peer.allocator} | {ms(row.forward.median)} | {ms(row.backward.median)} "
            f"| {ms(row.step.median)} ({ms(row.step.least)} to {ms(row.step.most)}) | {ratio} "
            f"| {peer.goal.text + verdict if peer.goal else ''} |")
    return "\n".join(lines) + "\n"


def layers(run, peers, unit):
    """The kinds of layers of a run as a Markdown table, times as medians and in units of the peer `unit`'s."""
    names = [peer.name for peer in peers if peer.name != unit and peer.name in run.layers[0]]
    lines = [
        f"### {title(run)}: kinds of layers, forward - backward - step",
        "",
        f"| layers | MiB | {unit}: us | GB/s " + "".join(f"| {name} / {unit} " for name in names) + "|",
        "|---|---|---|---" + "|---" * len(names) + "|",
    ]
    for kind, samples in zip(run.network.layers, run.layers):
        times = {name: medians(kind, samples[name]) for name in (unit, *names) if samples.get(name)}
        base = times.get(unit)
        if base is None:
            continue
        per_second = (LEAST[way] * kind.elements / time / 1e9 for way, time in zip(DIRECTIONS, base))
        cells = [f"{kind.repeat} x {list(kind.shape)}", f"{4 * prod(kind.shape) / 2**20:.2f}",
                 " - ".join(f"{time * 1e6:.1f}" for time in base), " - ".join(f"{rate:.0f}" for rate in per_second)]
        for name in names:
            ours = times.get(name)
            cells.append(" - ".join(f"{one / other:.2f}" for one, other in zip(ours, base)) if ours else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def medians(kind, samples):
    """Seconds of one layer's forward, backward and step."""
    parts = (*zip(*samples), [sum(sample) for sample in samples])
    return tuple(median(part) / kind.repeat for part in parts)
