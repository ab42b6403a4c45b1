"""benches/peers/run: options, then install, compare, print, record."""

import os
import sys
from pathlib import Path

import record
import summary
from install import Missing, install
from measure import Comparison, say
from options import parse

# Processes that run beside: over this, they take part of what is measured.
BUSY = 0.5  # load before
OTHERS = 0.1  # processors meanwhile


def memory_missing(options):
    """Bytes that the largest layers need beyond what is free."""
    need = max(sum(peer.memory.bytes(layers) for peer in options.peers)
               for each in options.networks for layers in each.layers)
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return need - int(meminfo["MemAvailable"].split()[0]) * 1024


def main():
    options = parse()
    folder = Path(os.environ["PRELU_MEM_PEERS_DIR"])
    missing = memory_missing(options)
    if missing > 0:
        say(f"benches/peers/run: {missing / 2**30:.1f} GiB more memory would have to be free for these peers and "
            "networks; choose fewer --peers or a smaller batch, as in --networks iresnet50:4")
        return 1

    load = os.getloadavg()
    if load[0] > BUSY:
        say(f"warning: others use this machine (load {load[0]:.1f}): times and ratios are worth nothing now")

    installed, missing = {}, {}
    for kind in dict.fromkeys(peer.kind for peer in options.peers):
        try:
            installed[kind] = install(kind, folder)
        except Missing as reason:
            missing[kind] = f"cannot be installed: {reason}"
            say(f"{kind}: {missing[kind]}")

    comparison = Comparison(options.peers, installed, folder, options)
    comparison.failures.update(
        {peer.name: missing[peer.kind] for peer in options.peers if peer.kind in missing})
    runs, interrupted = [], False
    try:
        for threads in options.threads:
            comparison.start(threads)
            for each in options.networks:
                for signs in options.signs:
                    runs.append(comparison.run(each, signs, threads))
            comparison.end()
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted: what was finished follows")
    finally:
        comparison.end()

    for kind, made in installed.items():
        print(f"- {kind}: {made.version} ({made.build})")
    print()
    for run in runs:
        print(summary.table(run, options.peers, options.reference, comparison.failures))
        if options.by_layer:
            print(summary.layers(run, options.peers, options.by_layer))
        if max(run.others.busy, run.others.stolen) > OTHERS:
            say(f"warning: others used {run.others.busy:.2f} processors during {summary.title(run)}, "
                f"{run.others.stolen:.2f} were stolen: measure again")
    path = options.output or folder / "record.json"
    record.write(record.build(runs, options.peers, installed, comparison, options, load), path)
    say(f"record: {path}")
    if interrupted:
        return 130
    return 1 if comparison.failures else 0


sys.exit(main())
