"""Compiles kernels to PTX through NVRTC and looks at what ptxas makes of them (see scripts/kernels).

An image begins with two lines: whose it is, and a hash over everything it was made from. Nothing in
it depends on the machine: sources are named as they are in the repository.
"""

import ctypes
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ARCHITECTURES = ["sm_75", "sm_80", "sm_90", "sm_100"]
PROCESSES = 2
NVIDIA = Path(sysconfig.get_paths()["purelib"]) / "nvidia"


class Failure(Exception):
    """Something that the person who runs the script has to see, whole."""


def settings():
    """The compiler's options and the element types of kernels/flags."""
    lines = Path("kernels/flags").read_text().splitlines()
    elements = next(line for line in lines if line.startswith("elements:"))
    return [line for line in lines if line.startswith("--")], elements.split()[1:]


class Image:
    """One image: a source, compiled for one element type, or for none."""

    def __init__(self, source, element):
        self.source = source
        self.element = element
        self.path = source.with_name(f"{element or source.stem}.ptx")
        self.codec = codec_of(source)
        self.title = f"// prelu-mem kernels: {self.codec} {element or 'any'}\n"

    def hash(self):
        """As crates/cuda/tests/images.rs computes it."""
        headers = [path for path in Path("kernels").rglob("*") if path.suffix in (".cuh", ".h")]
        digest = hashlib.sha256(self.title.encode())
        for path in [Path("kernels/flags"), self.source, *sorted(headers)]:
            text = path.read_bytes()
            digest.update(f"{path.as_posix()}\n{len(text)}\n".encode() + text)
        return digest.hexdigest()

    def options(self):
        defined = [f"--define-macro=PRELU_MEM_ELEMENT={self.element}"] if self.element else []
        return settings()[0] + defined

    def text(self):
        # First: where a source changes meanwhile, the image is stale rather than wrong.
        sources = self.hash()
        ptx = without_comments(compile_ptx(self.source, self.options()))
        return f"{self.title}// sources: sha256:{sources}\n{ptx}"


def codec_of(source):
    found = re.findall(r"^// codec: ([a-z0-9-]+)$", source.read_text(), re.MULTILINE)
    if len(found) != 1:
        raise Failure(f"{source}: one line '// codec: NAME' is needed, {len(found)} are there")
    return found[0]


def images():
    """Every codec.cu for each element type, every other source once."""
    sources = sorted(Path("crates").glob("**/*.cu"))
    elements = settings()[1]
    return [
        Image(source, element)
        for source in sources
        for element in (elements if source.name == "codec.cu" else [None])
    ]


def without_comments(ptx):
    """What NVRTC tells of itself, and where inline assembly begins and ends, is a third of the lines."""
    lines = (re.sub(r"\s*//.*", "", line).rstrip() for line in ptx.splitlines())
    return "".join(line + "\n" for line in lines if line)


def compile_ptx(source, options):
    nvrtc = ctypes.CDLL(str(NVIDIA / "cuda_nvrtc/lib/libnvrtc.so.12"))
    program = ctypes.c_void_p()

    def call(name, *arguments):
        status = getattr(nvrtc, name)(*arguments)
        if status and name != "nvrtcCompileProgram":
            raise Failure(f"{source}: {name} failed with status {status}")
        return status

    def answer(name):
        size = ctypes.c_size_t()
        call(f"{name}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        call(name, program, buffer)
        return buffer.value.decode()

    call("nvrtcCreateProgram", ctypes.byref(program), source.read_bytes(),
         source.as_posix().encode(), 0, None, None)
    array = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    status = call("nvrtcCompileProgram", program, len(options), array)
    log = answer("nvrtcGetProgramLog").strip()
    # A warning is no less a reason to stop: nobody would read it in a passing check.
    if status or log:
        raise Failure(f"{source} with {' '.join(options)}:\n{log or f'status {status}'}")
    ptx = answer("nvrtcGetPTX")
    call("nvrtcDestroyProgram", ctypes.byref(program))
    return ptx


def write(path, text):
    """All of it or nothing."""
    with tempfile.NamedTemporaryFile("w", newline="\n", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def build_image(image):
    text = image.text()
    changed = not image.path.exists() or image.path.read_bytes() != text.encode()
    if changed:
        write(image.path, text)
    return image.path, len(text), changed


def build():
    with ProcessPoolExecutor(PROCESSES) as pool:
        built = list(pool.map(build_image, images()))
    for path, size, changed in built:
        if changed:
            print(f"wrote {path} ({size / 1024:.0f} KiB)")
    changed = sum(changed for _, _, changed in built)
    total = sum(size for _, size, _ in built) / 2**20
    print(f"{len(built)} images, {total:.2f} MiB; {changed} changed")
    return 0


# What ptxas -v says of a kernel, in this order.
ENTRY = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


def assemble(image, path, architecture):
    """By kernel: registers, shared bytes, and (stack, spill stores, spill loads)."""
    ptxas = NVIDIA / "cuda_nvcc/bin/ptxas"
    command = [str(ptxas), "-v", f"-arch={architecture}", path, "-o", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{image.path} for {architecture}:\n{done.stderr}")
    kernels, spills = {}, (0, 0, 0)
    for line in done.stderr.splitlines():
        if found := ENTRY.search(line):
            name, spills = found[1], (0, 0, 0)
        elif found := SPILLS.search(line):
            # Functions that are called rather than inlined count towards their kernel.
            spills = tuple(sum(pair) for pair in zip(spills, map(int, found.groups())))
        elif found := USED.search(line):
            kernels[name] = (int(found[1]), int(found[2] or 0), spills)
    if not kernels:
        raise Failure(f"{image.path} for {architecture}: ptxas tells of no kernel:\n{done.stderr}")
    return kernels


def check_image(image):
    """Whether the image is what its source gives, what ptxas tells of that, and how long it took."""
    text = image.text().encode()
    by_architecture, seconds = {}, []
    with tempfile.NamedTemporaryFile(suffix=".ptx") as compiled:
        compiled.write(text)
        compiled.flush()
        for architecture in ARCHITECTURES:
            start = time.monotonic()
            by_architecture[architecture] = assemble(image, compiled.name, architecture)
            seconds.append(time.monotonic() - start)
    return image.path.exists() and image.path.read_bytes() == text, by_architecture, seconds


def report(image, by_architecture):
    """A line per kernel; the lines' faults."""
    faults = []
    for kernel in sorted(by_architecture[ARCHITECTURES[0]]):
        used = [by_architecture[architecture][kernel] for architecture in ARCHITECTURES]
        registers = "".join(f"{registers:>8}" for registers, _, _ in used)
        shared = max(shared for _, shared, _ in used)
        name = f"{image.codec} {image.element or 'any'}"
        print(f"{name:<20}{kernel:<11}{registers}{shared:>9}")
        for architecture, (_, _, (stack, stores, loads)) in zip(ARCHITECTURES, used):
            if stack or stores or loads:
                faults.append(f"{image.path}: {kernel} on {architecture}: {stack} bytes of stack, "
                              f"{stores} of spill stores, {loads} of spill loads")
    return faults


def check():
    todo = images()
    with ProcessPoolExecutor(PROCESSES) as pool:
        results = list(pool.map(check_image, todo))
    print("registers per thread (ptxas), shared bytes per block")
    names = "".join(f"{architecture:>8}" for architecture in ARCHITECTURES)
    print(f"{'image':<20}{'kernel':<11}{names}{'shared':>9}")
    faults, stale, seconds = [], [], []
    for image, (fresh, by_architecture, took) in zip(todo, results):
        if not fresh:
            stale.append(str(image.path))
        faults += report(image, by_architecture)
        seconds += took
    known = {image.path for image in todo}
    for path in sorted(Path("crates").glob("**/*.ptx")):
        if path not in known:
            faults.append(f"{path} has no source: remove it")
    print(f"an image was assembled in {min(seconds):.1f} to {max(seconds):.1f} s")
    if stale:
        faults.append("not what the sources compile to; run scripts/kernels build:\n  " + "\n  ".join(stale))
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(todo)} images: {len(todo) - len(stale)} as their sources, faults: {len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit({"build": build, "check": check}[sys.argv[1]]())
    except Failure as failure:
        sys.exit(str(failure))
