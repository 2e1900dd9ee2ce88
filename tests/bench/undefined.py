"""What ``ldd -r`` misses in a real environment, against what is said of its wheels beforehand.

    PYTHONPATH=resolver python tests/bench/undefined.py SITE-PACKAGES

Symbols of Python are left out, and those of libc and libm that a file takes from the process
without naming the library: an interpreter has both. Measured on 44 compiled wheels (numpy, scipy,
pyarrow, pymeshlab, opencv-python, rasterio, faiss-cpu and the like; 818 files).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

from torchsolve.abi.closure import Siblings, closure, installed
from torchsolve.abi.link_symbols import unresolved
from torchsolve.abi.system_names import exported
from torchsolve.model.binary import ElfFile, WheelBinary
from torchsolve.wheel.elf import read_elf
from torchsolve.wheel.record import distil

_LIBRARY = re.compile(r"\.so(\.\w+)*$")


def wheels_of(site: Path) -> dict[str, WheelBinary]:
    """Distributions with compiled files, as an index reader would keep them."""
    found = {}
    for dist in distributions(path=[str(site)]):
        paths = [
            str(f) for f in dist.files or () if _LIBRARY.search(str(f)) and ".." not in f.parts
        ]
        elves = [read_elf((site / p).read_bytes(), p, strings=False) for p in sorted(paths)]
        files = tuple(elf for elf in elves if elf.machine)
        if files:
            name = dist.metadata["Name"]
            found[name] = distil(WheelBinary(name, None, verified=True, files=files))
    return found


def missed(path: Path) -> tuple[set[str], bool]:
    """What ``ldd -r`` says: symbols, and whether a library is missing, which explains them."""
    done = subprocess.run(["ldd", "-r", str(path)], capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    names = set(re.findall(r"undefined symbol: ([^\s,]+)", text))
    python = re.compile(r"_?Py[A-Z_]\w*")
    theirs = {name for name in names if not python.fullmatch(name) and not exported(name, ())}
    return theirs, "not found" in text


def row(wheel: WheelBinary, siblings: Siblings, file: ElfFile, site: Path) -> Counter[str]:
    """How many symbols of one file were predicted, invented, missed."""
    siblings.by_name = {}
    said = {one.symbol for one in unresolved(wheel, closure(siblings, file, lambda _: False))}
    real, by_library = missed(site / file.member)
    for kind, names in (("invented", said - real), ("missed", real - said)):
        if names and not (kind == "missed" and by_library):
            print(kind, file.member, *sorted(names)[:4])
    late = "explained by a missing library" if by_library else "missed"
    counts = {"predicted": said & real, "invented": said - real, late: real - said}
    return Counter({kind: len(names) for kind, names in counts.items()})


def main() -> None:
    site = Path(sys.argv[1])
    wheels = wheels_of(site)
    everything = installed(wheels.values())
    total: Counter[str] = Counter()
    for wheel in wheels.values():
        siblings = Siblings(wheel, everything)
        for file in wheel.files:
            total += row(wheel, siblings, file, site)
    files = sum(len(wheel.files) for wheel in wheels.values())
    counts = ", ".join(f"{total[kind]} {kind}" for kind in ("predicted", "invented", "missed"))
    print(f"{len(wheels)} wheels, {files} files: {counts}")


if __name__ == "__main__":
    main()
