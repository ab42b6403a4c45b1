"""The comparison itself: correctness first, then samples taken from all peers in turn."""

import os
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import tensors
from busy import Others, Watch
from install import command
from networks import Layers
from worker import Failed, Worker

CHECKED = [Layers(1, (3, 5, 7, 9)), Layers(2, (2, 64, 28, 28)), Layers(2, (2, 3, 4, 5, 6)), Layers(1, (5, 33, 1, 1))]


@dataclass
class Run:
    """Samples of one network, sign mix and number of threads."""

    network: object
    signs: str
    threads: int
    rounds: int
    # By kind of layer: {peer: (forward seconds, backward seconds)}, sample by sample.
    layers: list = field(default_factory=list)
    others: Others | None = None


def say(text):
    print(text, file=sys.stderr, flush=True)


class Comparison:
    """The peers that still run, and why the others do not."""

    def __init__(self, peers, installed, folder, options):
        self.peers, self.installed, self.folder, self.options = peers, installed, folder, options
        self.failures, self.workers = {}, {}
        self.reported = {}
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        # Of this run alone: another one may be on its way.
        self.temporary = TemporaryDirectory(prefix="tensors-", dir=folder)
        self.data = Path(self.temporary.name)

    def start(self, threads):
        """Starts a worker for every peer, and checks its results."""
        for peer in self.peers:
            if peer.name in self.failures:
                continue
            log = self.logs / f"{peer.name}-{threads}.log"
            words = command(peer, self.installed[peer.kind], threads)
            environment = peer.environment(threads) | {"TORCHINDUCTOR_CACHE_DIR": str(self.folder / "inductor")}
            self._try(peer, self._start, words, environment, log)
        for layers in CHECKED:
            for signs in self.options.signs:
                made = tensors.make(self.data, layers, signs)
                for peer in self._running():
                    self._try(peer, self._check, layers, made)

    def run(self, network, signs, threads):
        """Measures all layers of a network."""
        run = Run(network, signs, threads, self.options.rounds)
        watch = Watch([worker.process.pid for worker in self.workers.values()])
        for layers in network.layers:
            say(f"{network.name}, {signs} signs, {threads} threads: {layers.repeat} x {list(layers.shape)}")
            tensors.make(self.data, layers, signs)
            run.layers.append(self._layers(layers))
        run.others = watch.others()
        return run

    def end(self):
        """Ends all workers."""
        for worker in self.workers.values():
            worker.end()
        self.workers.clear()

    def _start(self, peer, words, environment, log):
        worker = self.workers[peer.name] = Worker(words, environment, self.data, log)
        self.reported[peer.name] = worker.reported or None

    def _layers(self, layers):
        samples = {}
        for peer in self._running():
            self._try(peer, self._warm_up, layers)
        order = random.Random(tensors.SEED)
        for each in range(self.options.rounds):
            turn = [peer for peer in self._running() if each % peer.every == 0]
            order.shuffle(turn)
            for peer in turn:
                # Until the threads of the one before have stopped spinning.
                time.sleep(self.options.pause)
                self._try(peer, self._sample, samples)
        for peer in self._running():
            self._try(peer, self._close)
        return samples

    def _warm_up(self, peer, layers):
        worker = self.workers[peer.name]
        worker.open(layers)
        for _ in range(self.options.warmup if peer.every == 1 else 1):
            worker.sample()

    def _check(self, peer, layers, made):
        worker = self.workers[peer.name]
        worker.open(layers)
        # Twice: a layer that adds to what it left, or reads what it destroyed, shows in the second.
        worker.sample()
        worker.sample()
        worker.write("check")
        worker.close()
        wrong = tensors.check(peer, self.data, layers, made)
        for name in ("y", "dx", "da"):
            os.remove(self.data / f"check.{name}.f32")
        if wrong:
            raise Failed(f"wrong result: {wrong}")

    def _running(self):
        return [peer for peer in self.peers if peer.name in self.workers]

    def _sample(self, peer, samples):
        samples.setdefault(peer.name, []).append(self.workers[peer.name].sample())

    def _close(self, peer):
        self.workers[peer.name].close()

    def _try(self, peer, work, *arguments):
        """A peer that fails drops out with its reason; the others go on."""
        try:
            work(peer, *arguments)
        except Failed as failure:
            self.failures[peer.name] = str(failure)
            say(f"{peer.name}: {failure}")
            worker = self.workers.pop(peer.name, None)
            if worker is not None:
                worker.end()
