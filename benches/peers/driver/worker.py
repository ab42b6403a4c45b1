"""A peer's process, and the line protocol with it."""

import os
import select
import subprocess
import time

# The first pass of a compiled layer takes minutes on a slow machine; nothing takes longer.
PATIENCE = 900


class Failed(Exception):
    """What a worker said went wrong, or how it ended."""


class Worker:
    """One peer, running in `folder`, which holds the tensors' files."""

    def __init__(self, command, environment, folder, log):
        self.log, self.pending = log, b""
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stderr=errors,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                                            start_new_session=True)  # Ctrl-C is the driver's
        word, _, self.reported = self._line().partition(" ")
        if word != "ready":
            self.end()
            raise Failed(f"began with {word!r}")

    def open(self, layers):
        """Makes the layers from the files in the folder."""
        self.samples = layers.repeat // layers.held
        self._ask(f"open {layers.held} {' '.join(map(str, layers.shape))}")

    def sample(self):
        """Seconds of forward and of backward over the layers."""
        taken = [self._ask("sample").split() for _ in range(self.samples)]
        return sum(float(forward) for _, forward, _ in taken), sum(float(backward) for _, _, backward in taken)

    def write(self, prefix):
        """Leaves y, dx and da of the first layer in files."""
        self._ask(f"write {prefix}")

    def close(self):
        """Frees the layers."""
        self._ask("close")

    def end(self):
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def _ask(self, request):
        try:
            self.process.stdin.write(f"{request}\n".encode())
        except BrokenPipeError as error:
            raise Failed(self._death()) from error
        reply = self._line()
        if reply.startswith("error "):
            raise Failed(f"{request.split()[0]}: {reply[6:]}")
        return reply

    def _line(self):
        end = time.monotonic() + PATIENCE
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise Failed(f"no answer in {PATIENCE} s")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                raise Failed(self._death())
            self.pending += more
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode()

    def _death(self):
        status = self.process.wait(timeout=10)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            tail = " | ".join(log.read().strip().splitlines()[-3:])
        return f"ended with status {status}: {tail}"
