"""Prints the figures that torchsolve promises; a script, since a busy machine makes them flake.

Beside the wall time stands the processor's, which a busy machine changes less.

    python tests/bench/figures.py [PROJECT]

PROJECT (a node's folder or ``owner/repo``) is resolved cold and warm and compared with
``uv pip compile`` of the same pins, where uv is there.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
ENVIRON = os.environ | {"PYTHONPATH": str(ROOT / "resolver")}
# The last one is fetched whole too: 195 MB, compressed to a fifth.
INSPECTED = ("xformers==0.0.30", "torchvision==0.23.0", "bitsandbytes==0.46.0", "vllm==0.6.3.post1")
TORCHSOLVE = (sys.executable, "-m", "torchsolve")


class Taken(NamedTuple):
    """Seconds of one run."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s"

    def beside(self, limit: str) -> str:
        """The limit, and what the processor took."""
        return f"{limit + '; ' if limit else ''}{self.processor:.2f} s of processor"


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(*argv: str | Path, runs: int = 5) -> Taken:
    """The best of several runs."""
    best = Taken(float("inf"), float("inf"))
    for _ in range(runs):
        started, used = time.perf_counter(), _processor()
        done = subprocess.run(
            [str(word) for word in argv], env=ENVIRON, capture_output=True, text=True, check=False
        )
        best = min(best, Taken(time.perf_counter() - started, _processor() - used))
        if done.returncode:
            sys.exit(f"{' '.join(map(str, argv))}\n{done.stderr}")
    return best


def line(what: str, figure: str, limit: str) -> None:
    """One row of the table."""
    print(f"{what:<44} {figure:>12}   {limit}")


def version() -> None:
    """``--version`` against an empty Python."""
    empty = seconds(sys.executable, "-c", "pass", runs=15)
    ours = seconds(*TORCHSOLVE, "--version", runs=15)
    line("torchsolve --version / python -c pass", f"{ours.wall / empty.wall:.2f} x", "at most 2 x")


def sample() -> None:
    """A bundled sample, resolved again offline."""
    seconds(*TORCHSOLVE, "resolve", "trellis2", runs=1)
    again = seconds(*TORCHSOLVE, "resolve", "trellis2", "--offline")
    line("sample again, offline", str(again), again.beside("at most 1.0 s"))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    line("largest memory of a run so far", f"{peak:.0f} MB", "at most 200 MB")


def node(reference: str) -> None:
    """A real node without a cache and with one, beside uv over the same pins."""
    with tempfile.TemporaryDirectory() as scratch:
        pins = Path(scratch, "pins.txt")
        cache = ("--cache-dir", Path(scratch, "cache"))
        flags = ("--comfyui", "none", "--no-undeclared", "--pins", pins, *cache)
        cold = seconds(*TORCHSOLVE, "resolve", reference, *flags, runs=1)
        warm = seconds(*TORCHSOLVE, "resolve", reference, *flags)
        line(f"{reference}, cold", str(cold), cold.beside("at most 2 x uv"))
        line(f"{reference}, warm", str(warm), warm.beside("at most 1 s"))
        requirements = Path(reference, "requirements.txt")
        if shutil.which("uv") and requirements.is_file():
            compile_ = ("uv", "pip", "compile", requirements, "--cache-dir", Path(scratch, "uv"))
            platform = ("--python-platform", "x86_64-manylinux_2_39", "--python-version", "3.12")
            uv = seconds(*compile_, *platform, runs=1)
            line("uv pip compile, cold", str(uv), uv.beside(""))


def wheel() -> None:
    """The size of our own wheel."""
    with tempfile.TemporaryDirectory() as scratch:
        pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", scratch, ROOT)
        seconds(*pip, runs=1)
        size = sum(path.stat().st_size for path in Path(scratch).glob("*.whl")) / 1024 / 1024
    line("wheel of torchsolve", f"{size:.2f} MB", "at most 15 MB")


def measured(*argv: str | Path) -> tuple[Taken, float]:
    """Seconds and peak memory (MB) of one run."""
    started = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [str(word) for word in argv],
        ENVIRON,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(" ".join(map(str, argv)))
    taken = Taken(time.perf_counter() - started, usage.ru_utime + usage.ru_stime)
    return taken, usage.ru_maxrss / 1024


def inspected() -> None:
    """``inspect`` of a large local wheel, and of a remote one for its symbols."""
    with tempfile.TemporaryDirectory() as scratch:
        cache = ("--cache-dir", Path(scratch, "cache"))
        for text in INSPECTED:
            taken, peak = measured(*TORCHSOLVE, "inspect", text, "--python", "3.12", *cache)
            limit = taken.beside("at most 4 s")
            line(f"inspect {text}, remote", str(taken), f"{limit}; {peak:.0f} MB")
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", scratch)
        platforms = ("--platform", "manylinux1_x86_64", "--platform", "manylinux_2_28_x86_64")
        only = ("--only-binary", ":all:", "--python-version", "3.12")
        seconds(*pip, *only, *platforms, INSPECTED[-1], runs=1)
        (path,) = Path(scratch).glob("*.whl")
        best = min(measured(*TORCHSOLVE, "inspect", path) for _ in range(3))
        size = path.stat().st_size / 1_000_000
        line(
            f"inspect, a local wheel of {size:.0f} MB",
            str(best[0]),
            best[0].beside("at most 3 s a 200 MB"),
        )
        line("peak memory of that", f"{best[1]:.0f} MB", "at most 300 MB")
        _judged(path)


def _judged(path: Path) -> None:
    """One wheel on every release of the atlas, once read."""
    sys.path.insert(0, str(ROOT / "resolver"))
    from torchsolve.abi.atlas import load_atlas
    from torchsolve.abi.built_with import built_with
    from torchsolve.abi.host import Host
    from torchsolve.abi.judge import Judge
    from torchsolve.wheel.binary import read_binaries

    binary, atlas = read_binaries(path, path.name), load_atlas()
    built = built_with(binary, atlas)
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        judge = Judge(binary, atlas, Host(), built)
        for version in atlas.releases:
            judge.wheel(version)
        best = min(best, time.process_time() - started)
    line(
        f"{binary.filename.split('-')[0]} judged on all releases",
        f"{best * 1000:.1f} ms",
        "at most 50 ms",
    )


def main() -> None:
    """All figures, in order."""
    version()
    sample()
    for reference in sys.argv[1:]:
        node(reference)
    inspected()
    wheel()


if __name__ == "__main__":
    main()
