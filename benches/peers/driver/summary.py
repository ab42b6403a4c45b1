"""From samples to rows: medians, spread, ratios round by round, goals."""

from dataclasses import dataclass
from statistics import median


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
            **{name: getattr(self, name).as_record() for name in ("forward", "backward", "step")},
            "ratio": self.ratio and self.ratio.as_record(),
            "goal": self.peer.goal and {"least_ratio": self.peer.goal.ratio, "met": self.met},
        }


def steps(run, name):
    """Round by round, (forward, backward) seconds over all layers; None where a layer was not measured whole."""
    by_layer = [layer.get(name, []) for layer in run.layers]
    rounds = max((len(samples) for layer in run.layers for samples in layer.values()), default=0)
    if rounds == 0 or any(len(samples) != rounds for samples in by_layer):
        return None
    return [tuple(map(sum, zip(*samples))) for samples in zip(*by_layer)]


def rows(run, peers, reference):
    """A row for every peer that was measured whole."""
    found = {peer.name: steps(run, peer.name) for peer in peers}
    base = found.get(reference)
    made = []
    for peer in peers:
        samples = found[peer.name]
        if samples is None:
            continue
        ratio = base and Spread.of([sum(one) / sum(other) for one, other in zip(samples, base)])
        made.append(Row(
            peer,
            Spread.of([forward for forward, _ in samples]),
            Spread.of([backward for _, backward in samples]),
            Spread.of([forward + backward for forward, backward in samples]),
            ratio or None,
            ratio.median >= peer.goal.ratio if peer.goal and ratio else None,
        ))
    return made


def table(run, peers, reference, failures):
    """A run as a Markdown table."""
    network = run.network
    lines = [
        f"### {network.name}, batch {network.batch}, {run.signs} signs, {run.threads} "
        f"thread{'s' * (run.threads > 1)}",
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
            f"| {peer.name} | {peer.allocator} | {row.forward.median * 1e3:.2f} | {row.backward.median * 1e3:.2f} "
            f"| {row.step.median * 1e3:.2f} ({row.step.least * 1e3:.2f} to {row.step.most * 1e3:.2f}) | {ratio} "
            f"| {peer.goal.text + verdict if peer.goal else ''} |")
    return "\n".join(lines) + "\n"
