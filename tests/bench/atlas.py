"""Size and speed of the atlas: ``python tests/bench/atlas.py [LIBRARY.so]``.

Prints bytes shipped, milliseconds from nothing to the first answer, and milliseconds that one
file's undefined names take against every release (without LIBRARY: 3,000 invented names). They are
this process's own; what else the machine does is not counted.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from torchsolve.abi.atlas import Atlas
from torchsolve.resources import share

_RUNS = 7


def main() -> None:
    folder = share("data") / "atlas"
    total = sum(path.stat().st_size for path in folder.iterdir())
    atlas = Atlas(folder)
    print(f"{len(atlas.builds)} builds, {total / 1e6:.2f} MB shipped")
    names = _names(sys.argv[1:])
    loading = min(_load(folder) for _ in range(_RUNS))
    asking = min(_ask(folder, names) for _ in range(_RUNS))
    print(f"load for a query: {loading:.1f} ms")
    print(f"{len(names)} names against all releases: {asking:.1f} ms")


def _load(folder: Path) -> float:
    start = time.process_time()
    atlas = Atlas(folder)
    atlas.first_with("_ZNK3c107SymBool14guard_or_falseEPKcl")
    return (time.process_time() - start) * 1e3


def _ask(folder: Path, names: list[str]) -> float:
    atlas = Atlas(folder)
    atlas.known("x")
    start = time.process_time()
    for release in atlas.releases:
        atlas.missing(release, names)
    return (time.process_time() - start) * 1e3


def _names(files: list[str]) -> list[str]:
    if not files:
        return [f"_ZN3c10{len(str(n)) + 1}n{n}Ev" for n in range(3000)]
    command = ["nm", "-D", "--undefined-only", files[0]]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line.split()[-1] for line in done.stdout.splitlines()]


if __name__ == "__main__":
    main()
