"""GPU code as torchsolve reads it, beside what NVIDIA's ``cuobjdump`` lists.

    python tests/bench/cuobjdump.py CUOBJDUMP[,OLDER] WHEEL...

One row a file that either finds GPU code in. ``cuobjdump`` is asked with ``-all``, which includes
the objects that the runtime links (``__nv_relfatbin``); it names machine code for a family by its
architecture alone (``sm_100`` for ``sm_100f``), so that ``f`` is left out of the comparison there.
Machine code of architectures that a toolkit has dropped (before sm_75 in CUDA 13) makes it give up
at the first such entry: then an ``OLDER`` one is asked, of a toolkit that still has them. Where
that gives up too, the file is ``stopped``, if all that was listed until then is in ours; the row
says at what. Exit status 1 where sets differ otherwise.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torchsolve.model.binary import GpuCode
from torchsolve.wheel.binary import may_be_binary, read_binaries


@dataclass(frozen=True, slots=True)
class Row:
    """One file: sets of ``80``, ``90a``, …"""

    wheel: str
    member: str
    sass: tuple[frozenset[str], frozenset[str]]
    ptx: tuple[frozenset[str], frozenset[str]]
    note: str

    stopped: bool

    @property
    def verdict(self) -> str:
        """``stopped``: cuobjdump gave up on a member, and what it listed until then is in ours."""
        pairs = (self.sass, self.ptx)
        if all(ours == theirs for ours, theirs in pairs):
            return "equal"
        return "stopped" if self.stopped and all(b <= a for a, b in pairs) else "differs"


def compare(cuobjdump: str, wheel: Path) -> Iterator[Row]:
    """Rows of the files of a wheel in which GPU code was found by one of the two."""
    ours = {file.member: file.gpu for file in read_binaries(wheel, wheel.name, gpu=True).files}
    with zipfile.ZipFile(wheel) as archive:
        for member in filter(may_be_binary, archive.namelist()):
            code = ours.get(member)
            if code is not None:
                yield _row(cuobjdump, wheel.name, archive, member, code)


def _row(cuobjdump: str, wheel: str, archive: zipfile.ZipFile, member: str, code: GpuCode) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(archive.extract(member, folder))
        for tool in cuobjdump.split(","):
            listed, complaint = _listed(tool, path)
            if not complaint:
                break
    sass = frozenset(re.findall(r"\.sm_(\w+)\.cubin", listed))
    ptx = frozenset(re.findall(r"\.sm_(\w+)\.ptx", listed))
    return Row(
        wheel,
        member,
        (frozenset(name.removeprefix("sm_").rstrip("f") for name in code.sass), sass),
        (frozenset(arch.removeprefix("compute_") for arch, _ in code.ptx), ptx),
        "; ".join(filter(None, (code.unread, complaint))),
        stopped=bool(complaint),
    )


def _listed(cuobjdump: str, path: Path) -> tuple[str, str]:
    """What it lists, and what it could not read."""
    listed, complaints = "", set()
    for flag in ("-lelf", "-lptx"):
        done = subprocess.run(
            [cuobjdump, "-all", flag, str(path)], capture_output=True, text=True, check=False
        )
        listed += done.stdout
        fatal = re.search(r"cuobjdump fatal\s*: (.*?)( in '.*)?$", done.stderr, re.MULTILINE)
        if fatal:
            complaints.add(f"cuobjdump: {fatal[1]}")
    return listed, "; ".join(sorted(complaints))


def _print(row: Row) -> None:
    def text(pair: tuple[frozenset[str], frozenset[str]]) -> str:
        ours, theirs = (" ".join(sorted(names, key=_key)) or "-" for names in pair)
        return ours if ours == theirs else f"{ours} (cuobjdump: {theirs})"

    print(f"{row.verdict:8}{row.wheel.split('-py')[0].split('-cp')[0]} {row.member}")
    print(
        f"       sass {text(row.sass)} | ptx {text(row.ptx)}{'  ' + row.note if row.note else ''}"
    )


def _key(name: str) -> tuple[int, str]:
    return int(re.sub(r"\D", "", name) or 0), name


def main() -> int:
    cuobjdump, wheels = sys.argv[1], map(Path, sys.argv[2:])
    rows: list[Row] = []
    for wheel in wheels:
        for row in compare(cuobjdump, wheel):
            if any(row.sass) or any(row.ptx) or row.note:
                rows.append(row)
                _print(row)
    verdicts = Counter(row.verdict for row in rows)
    print(f"{len(rows)} files: " + ", ".join(f"{n} {verdict}" for verdict, n in verdicts.items()))
    return int("differs" in verdicts)


if __name__ == "__main__":
    sys.exit(main())
