"""Installs each kind of peer below one folder, and says which versions came of it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
TORCH = "torch==2.15.0"
NATIVE = "-C target-cpu=native"


class Missing(Exception):
    """Why a kind of peer cannot be run here."""


@dataclass(frozen=True)
class Installed:
    """How the worker is started, and from what it was made."""

    command: list[str]
    version: str
    build: str


def install(kind, folder):
    """Installs `kind` below `folder`; Missing where that fails."""
    print(f"installing: {kind}", file=sys.stderr, flush=True)
    try:
        return {"ours": ours, "onednn": onednn, "torch": torch, "burn": burn, "candle": candle, "caffe": caffe}[kind](folder)
    except OSError as error:
        raise Missing(str(error)) from error


def command(peer, installed, threads):
    """The command line of a peer's worker."""
    count = [] if peer.kind in ("onednn", "caffe") else [str(threads)]
    return [*installed.command, peer.mode, *count]


def call(words, cwd=ROOT, **environment):
    """Runs a command and returns what it printed; Missing with its last lines where it fails."""
    done = subprocess.run(words, cwd=cwd, env=os.environ | environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        tail = " | ".join(done.stdout.strip().splitlines()[-4:])
        raise Missing(f"{Path(words[0]).name} {' '.join(words[1:3])} failed: {tail}")
    return done.stdout


def cargo(name, folder, locked, flags=""):
    """Builds the Rust worker in `name` and returns its binary."""
    target = folder / "target" / name
    words = ["cargo", "build", "--release", "--quiet", *(["--locked"] if locked else [])]
    # Before RUSTFLAGS, cargo reads CARGO_ENCODED_RUSTFLAGS: an empty one would win.
    os.environ.pop("CARGO_ENCODED_RUSTFLAGS", None)
    call(words, cwd=HERE / name, CARGO_TARGET_DIR=str(target), RUSTFLAGS=flags)
    return [str(target / "release" / f"peer-{name}")]


def locked_version(name, package):
    lock = (HERE / name / "Cargo.lock").read_text()
    found = re.search(rf'name = "{package}"\nversion = "([^"]+)"', lock)
    if found is None:
        raise Missing(f"{package} is not in benches/peers/{name}/Cargo.lock")
    return found[1]


def ours(folder):
    # The same versions of everything as the workspace has.
    (HERE / "ours" / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
    binary = cargo("ours", folder, locked=False)
    return Installed(binary, locked_version("ours", "prelu-mem-core"), "release, SIMD chosen at run time")


def burn(folder):
    binary = cargo("burn", folder, locked=True, flags=NATIVE)
    return Installed(binary, f"burn-flex {locked_version('burn', 'burn-flex')}", f"release, {NATIVE}")


def candle(folder):
    binary = cargo("candle", folder, locked=True, flags=NATIVE)
    return Installed(binary, f"candle-nn {locked_version('candle', 'candle-nn')}", f"release, {NATIVE}")


def torch(folder):
    python, stamp = folder / "python" / "bin" / "python", folder / "python" / "torch-packages"
    if not stamp.exists() or stamp.read_text() != TORCH:
        stamp.unlink(missing_ok=True)
        call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TORCH])
        stamp.write_text(TORCH)
    version = call([str(python), "-c", "import torch; print(torch.__version__)"]).split()[-1]
    return Installed([str(python), str(HERE / "torch" / "worker.py")], f"torch {version}", "from PyPI")


def caffe(folder):
    """The formula alone, compiled as Caffe's Makefile compiles."""
    worker, flags = folder / "caffe-worker", ["-std=c++17", "-O2", "-Wall", "-Wextra"]
    call(["g++", *flags, str(HERE / "caffe" / "worker.cpp"), "-o", str(worker)])
    return Installed([str(worker)], "formula of BVLC/caffe", f"g++ {' '.join(flags)}")


def onednn(folder):
    """Debian's packages, unpacked: nothing is installed in the system."""
    debian = folder / "debian"
    stamp = debian / "packages"
    if not stamp.exists():
        debian.mkdir(parents=True, exist_ok=True)
        shown = call(["apt-cache", "show", "--no-all-versions", "libdnnl-dev"])
        library = re.search(r"libdnnl\d+[\w.]*", shown)
        version = re.search(r"^Version: (\S+)", shown, re.MULTILINE)
        if library is None or version is None:
            raise Missing("apt-cache knows no libdnnl-dev (run apt-get update)")
        call(["apt-get", "download", "libdnnl-dev", library[0], "ocl-icd-libopencl1"], cwd=debian)
        for package in debian.glob("*.deb"):
            call(["dpkg", "-x", str(package), "."], cwd=debian)
        stamp.write_text(version[1])
    libraries = debian / "usr" / "lib" / call(["g++", "-print-multiarch"]).strip()
    worker, source = folder / "onednn-worker", HERE / "onednn" / "worker.cpp"
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra"]
    call(["g++", *flags, f"-I{debian}/usr/include", str(source), "-o", str(worker),
          f"-L{libraries}", "-ldnnl", f"-Wl,-rpath,{libraries}", f"-Wl,-rpath-link,{libraries}"])
    # The library's own dependencies are looked up by its run path, which Debian leaves empty.
    return Installed(["env", f"LD_LIBRARY_PATH={libraries}", str(worker)],
                     f"libdnnl-dev {stamp.read_text()}", f"g++ {' '.join(flags)}")
