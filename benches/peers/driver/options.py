"""The options of benches/peers/run. Run as a program, says whether they can be used: without what has to be installed first."""

import argparse
import os
from pathlib import Path

from networks import network, single
from peers import FURTHER, PEERS, find


def parse():
    def chosen(text):
        found = [find(name) for name in text.split(",")]
        if None in found:
            names = ", ".join(peer.name for peer in PEERS + FURTHER)
            raise argparse.ArgumentTypeError(f"no peer {text.split(',')[found.index(None)]!r}; there are {names}")
        return found

    def networks(text):
        try:
            return [network(name) for name in text.split(",")]
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    def shape(text):
        try:
            return single(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    def counts(text):
        return [count(part) for part in text.split(",")]

    def count(text):
        if not (text.isdecimal() and int(text) > 0):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
        return int(text)

    def signs(text):
        wrong = [part for part in text.split(",") if part not in ("random", "positive")]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r} is neither random nor positive")
        return text.split(",")

    def seconds(text):
        try:
            value = float(text)
        except ValueError:
            value = -1
        if not 0 <= value <= 60:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 60")
        return value

    parser = argparse.ArgumentParser(
        prog="benches/peers/run", allow_abbrev=False, description="PReLU's step (forward and backward) beside other implementations.",
        epilog="Exit status: 0 all measured, 1 a peer is missing, fails or is wrong, 2 usage, 130 interrupted.")
    parser.add_argument("--peers", type=chosen, default=PEERS, metavar="LIST",
                        help="comma-separated; default: " + ",".join(peer.name for peer in PEERS)
                        + "; further: " + ",".join(peer.name for peer in FURTHER))
    parser.add_argument("--reference", metavar="PEER", default="bitmask", help="whose step is 1 (default: bitmask)")
    parser.add_argument("--networks", type=networks, metavar="LIST",
                        help="NAME or NAME:BATCH (default: iresnet50:8,vnet:1)")
    parser.add_argument("--shape", type=shape, action="append", metavar="[REPEATx]N,C,D1,..",
                        help="equal layers of these sizes, in place of networks; may be given several times")
    parser.add_argument("--signs", type=signs, default=["random", "positive"], metavar="LIST",
                        help="of the pre-activations (default: random,positive)")
    parser.add_argument("--threads", type=counts, metavar="LIST", help="default: 1,2")
    parser.add_argument("--rounds", type=count, metavar="N", help="samples of each peer; of the slow ones every fourth or eighth (default: 15)")
    parser.add_argument("--warmup", type=count, default=2, metavar="N", help="samples before, not counted (default: 2)")
    parser.add_argument("--pause", type=seconds, default=0.02, metavar="S", help="before each sample (default: 0.02)")
    parser.add_argument("--quick", action="store_true",
                        help="few small layers, 1 thread, 3 rounds, unless said otherwise")
    parser.add_argument("--by-layer", metavar="PEER",
                        help="print also every kind of layer, times in units of this peer's")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="the record (default: record.json beside the peers)")
    options = parser.parse_args()
    if options.networks and options.shape:
        parser.error("--shape stands in place of --networks")
    options.networks = options.networks or options.shape or networks("quick" if options.quick else "iresnet50,vnet")
    options.threads = options.threads or ([1] if options.quick else [1, 2])
    options.rounds = options.rounds or (3 if options.quick else 15)
    if options.reference not in [peer.name for peer in options.peers]:
        parser.error(f"--reference {options.reference} is not among --peers")
    if options.by_layer and options.by_layer not in [peer.name for peer in options.peers]:
        parser.error(f"--by-layer {options.by_layer} is not among --peers: "
                     + ", ".join(peer.name for peer in options.peers))
    if max(options.threads) > (os.cpu_count() or 1):
        parser.error(f"--threads {max(options.threads)}: there are {os.cpu_count()} cores")
    return options


if __name__ == "__main__":
    parse()
