"""Runs that are killed in the middle, against one cache: nothing may be lost or wrong after it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.index_server import FakeFile
from support.wheels import make_wheel
from torchsolve.index.cache import Cache

# A child finds torchsolve where this process does.
ENVIRON = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def can_run(*line: str) -> bool:
    """Whether the program is there, and may do what it is for."""
    if shutil.which(line[0]) is None:
        return False
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


def chain(length: int) -> dict[str, list[FakeFile]]:
    """Packages ``p0`` … that each need the next one, in three versions."""
    return {
        f"p{i}": [
            FakeFile(make_wheel(f"p{i}", f"{v}.0", [f"p{i + 1}>={v}.0"] if i + 1 < length else []))
            for v in (1, 2, 3)
        ]
        for i in range(length)
    }


def command(requirements: Path, index: str, cache: Path, pins: Path) -> list[str]:
    """A whole resolve, as a user would run it."""
    return [
        *(sys.executable, "-m", "torchsolve", "resolve", str(requirements)),
        *("--index", index, "--cache-dir", str(cache), "--pins", str(pins)),
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: runs that were killed, runs that ended before, damaged entries."""

    killed: int
    ended: int
    damaged: tuple[str, ...]


def kill_runs(line: Sequence[str], runs: int, longest: float, cache: Path, seed: int) -> Outcome:
    """Starts the command ``runs`` times and kills each after up to ``longest`` seconds."""
    moments = random.Random(seed)  # noqa: S311 - no secret
    killed = 0
    for _ in range(runs):
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(line, stdout=quiet, stderr=quiet, env=ENVIRON)
        time.sleep(moments.uniform(0, longest))
        process.kill()
        killed += process.wait() < 0
    return Outcome(killed, runs - killed, damaged(cache))


def damaged(folder: Path) -> tuple[str, ...]:
    """Entries of a cache that are not whole."""
    cache = Cache(folder)
    root = cache.path("", "")
    found = []
    for path in root.rglob("*"):
        kind, _, key = str(path.relative_to(root)).partition("/")
        if path.is_file() and kind not in ("drafts", "scratch"):
            parts = f"{kind}/{key}".split("/")
            splits = (("/".join(parts[:i]), "/".join(parts[i:])) for i in range(1, len(parts)))
            if not any(cache.read(*split) is not None for split in splits):
                found.append(str(path))
    return tuple(found)
