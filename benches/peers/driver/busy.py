"""Who else used the processors while something was measured."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Others:
    """Processors in use on average, beside the comparison's own processes."""

    busy: float  # by other processes and the kernel
    stolen: float  # by other machines on the same host


def ticks(process):
    """Processor time of a process so far: its own and that of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


class Watch:
    """From its creation until `others`; `processes` run all the while."""

    def __init__(self, processes):
        self.processes = [os.getpid(), *processes]
        self.start = self._read()

    def others(self):
        """What others used since the start; a process that has ended counts as theirs."""
        busy, stolen, wall = (now - then for now, then in zip(self._read(), self.start))
        return Others(max(0.0, busy / wall), stolen / wall)

    def _read(self):
        second = os.sysconf("SC_CLK_TCK")
        own = 0
        for process in self.processes:
            try:
                own += ticks(process)
            except OSError:
                continue
        # user nice system idle iowait irq softirq steal
        every = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        user, nice, system, _, _, irq, softirq, stolen = every
        return (user + nice + system + irq + softirq - own) / second, stolen / second, time.monotonic()
