"""The layouts that scripts/layouts measures, the goals they are held to, and the tables of what was found."""

from dataclasses import dataclass

BYTES = {"f32": 4, "f64": 8, "f16": 2, "bf16": 2}
STRATEGIES = ["bitmask", "adaptive", "output-sign", "int8-mask", "full-copy", "diff-stash"]
PASSES = ["forward", "backward"]
POSITIVE = 0.3
# Half positive, a third negative, the rest 0; neighbours differ.
MIXED = [0.3, -0.3, 0.0, 0.3, -0.3, 0.3]
# Least shares of the limits, forward and backward, from memory and by level.
FROM_MEMORY = {"bitmask": 0.95, "adaptive": 0.95, "output-sign": 0.95, "int8-mask": 0.85, "full-copy": 0.9,
               "diff-stash": 0.9}
AT_MOST = {"portable": 0.6, "avx2": 0.9}
# With mixed slopes, adaptive's time over bitmask's.
MIXED_TIME = 1.1


@dataclass(frozen=True)
class Layout:
    """The sizes behind the batch, channels first, or a whole tensor that fits a cache."""

    item: tuple
    shared: bool = False
    batch: int | None = None
    goals: tuple | None = None  # forward and backward, where they are its own

    def shape(self, size, dtype):
        """Whose tensor takes about `size` bytes."""
        item = BYTES[dtype]
        for length in self.item:
            item *= length
        return [self.batch or max(1, round(size / item)), *self.item]

    def slopes(self, kind):
        if kind == "positive":
            return str(POSITIVE)
        return ",".join(str(MIXED[channel % len(MIXED)]) for channel in range(self.item[0]))

    def goal(self, strategy, level, kind, run):
        """Least shares, forward and backward; none where none was set. `run` is its element type and threads."""
        if kind == "mixed" and strategy in ("adaptive", "output-sign"):
            return None
        if self.goals:
            held = run == ("f32", 1) and level not in AT_MOST and strategy in ("bitmask", "adaptive", "output-sign")
            return self.goals if held else None
        return (min(FROM_MEMORY[strategy], AT_MOST.get(level, 1.0)),) * 2


FROM_MEMORY_LAYOUTS = {
    "112x112": Layout((64, 112, 112)),
    "56x56": Layout((64, 56, 56)),
    "28x28": Layout((128, 28, 28)),
    "14x14": Layout((256, 14, 14)),
    "7x7": Layout((512, 7, 7)),
    "3199-shared": Layout((512, 3199), shared=True),
    "channels-last-3": Layout((3,)),
    "channels-last-64": Layout((64,)),
    "channels-last-512": Layout((512,)),
    "128x128x64": Layout((16, 128, 128, 64)),
}
IN_CACHE_LAYOUTS = {
    "in-cache-28x28": Layout((64, 28, 28), batch=1, goals=(0.80, 0.90)),
    "in-cache-512": Layout((512,), batch=128, goals=(0.75, 0.75)),
}


def below(row):
    """The passes of a run that are below their goals: (strategy, pass, share, goal)."""
    return [(strategy, key, found["of_limit"][key]["median"], goal)
            for strategy, found in row["strategies"].items() if found["goal"]
            for key, goal in zip(PASSES, found["goal"]) if found["of_limit"][key]["median"] < goal]


def mixed_times(row):
    """Adaptive's time over bitmask's, forward and backward."""
    adaptive, bitmask = (row["strategies"][name]["seconds"] for name in ("adaptive", "bitmask"))
    return [adaptive[key]["median"] / bitmask[key]["median"] for key in PASSES]


def table(rows, kind):
    """Markdown of the runs of one element type and number of threads."""
    last = ["adaptive's time over bitmask's"] if kind == "mixed" else []
    lines = [["layout", *STRATEGIES, *last], ["---"] * (1 + len(STRATEGIES) + len(last))]
    for row in rows:
        missed = {(strategy, key) for strategy, key, _, _ in below(row)}
        cells = []
        for strategy in STRATEGIES:
            of_limit = row["strategies"][strategy]["of_limit"]
            shown = [f"{100 * of_limit[key]['median']:.0f}" for key in PASSES]
            cells.append(" / ".join(f"**{text}**" if (strategy, key) in missed else text
                                    for key, text in zip(PASSES, shown)))
        if last:
            cells.append(" / ".join(f"**{ratio:.2f}**" if ratio > MIXED_TIME else f"{ratio:.2f}"
                                    for ratio in mixed_times(row)))
        lines.append([row["layout"], *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def report(rows, kind):
    """All tables, and a line that counts what is below its goal."""
    for dtype, threads in dict.fromkeys((row["dtype"], row["threads"]) for row in rows):
        chosen = [row for row in rows if (row["dtype"], row["threads"]) == (dtype, threads)]
        print(f"{dtype}, {threads} {'thread' if threads == 1 else 'threads'}, {kind} slopes: "
              f"share of the limit in %, forward / backward\n")
        print(table(chosen, kind))
    goals = [goal for row in rows for found in row["strategies"].values() if found["goal"] for goal in found["goal"]]
    missed = [miss for row in rows for miss in below(row)]
    print(f"{len(goals) - len(missed)} of {len(goals)} passes reach their goal (below it: **bold**).")
    if kind == "mixed":
        slow = sum(ratio > MIXED_TIME for row in rows for ratio in mixed_times(row))
        print(f"{2 * len(rows) - slow} of {2 * len(rows)} passes of adaptive take at most {MIXED_TIME} times bitmask's time.")
