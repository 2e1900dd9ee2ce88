"""The atlas as a value: builds, the history of each name, sizes of classes; and its files.

A column is a build (release and CUDA tag). Columns are in order of version, then tag; files hold
nothing else that could differ, so that the same builds give the same bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from packaging.version import Version

from torchsolve.abi.name_table import pack, unpack
from torchsolve.errors import UnknownError
from torchsolve.model.values import dataclass, field
from torchsolve.model.version import CudaTag

BUILDS, NAMES, SIZES = "builds.json", "names.bin", "sizes.bin"
_SCHEMA = "torchsolve.atlas/1"


@dataclass(frozen=True, slots=True)
class Build:
    """One column.

    Attributes:
        cuda: CUDA tag.
        default: whether the default index serves it.
        file, sha256, uploaded: the wheel that was read, and its day.
        floors: ``GLIBC``, ``GLIBCXX``, ``CXXABI`` → the newest version that its libraries need.
        exported: library → how many names it exports, those of compiler hashes among them.
        wheels: CUDA package → version, as its METADATA pins them.
    """

    version: str
    cuda: str
    default: bool
    file: str
    sha256: str
    uploaded: str | None
    cxx11_abi: bool | None
    floors: Mapping[str, str]
    exported: Mapping[str, int]
    wheels: Mapping[str, str]
    sonames: tuple[str, ...]
    mapped: tuple[str, ...]
    layout: Mapping[str, int]

    @property
    def key(self) -> tuple[Version, CudaTag]:
        """Which build of which release it is; the order of columns."""
        return Version(self.version), CudaTag(self.cuda)


@dataclass(frozen=True, slots=True)
class Table:
    """All columns.

    Attributes:
        libraries: whose index + 1 is in the histories.
        rows: hash of a name → history, see ``name_table``.
        sizes: vtable or typeinfo → bytes in each column, 0 where it is absent; as ``runs``.
    """

    builds: tuple[Build, ...] = ()
    libraries: tuple[str, ...] = ()
    rows: Mapping[int, bytes] = field(default_factory=dict)
    sizes: Mapping[str, str] = field(default_factory=dict)


def files_of(table: Table) -> dict[str, bytes]:
    """File name → content; the same table gives the same bytes."""
    head = {
        "schema": _SCHEMA,
        "libraries": table.libraries,
        "builds": [asdict(build) for build in table.builds],
    }
    first = " ".join(columns_of(table.builds))
    lines = [first, *(f"{name}\t{row}" for name, row in sorted(table.sizes.items()))]
    return {
        BUILDS: (json.dumps(head, sort_keys=True, indent=1) + "\n").encode(),
        NAMES: pack(table.rows, columns_of(table.builds)),
        SIZES: zlib.compress("\n".join(lines).encode(), 9),
    }


def read_builds(folder: Path) -> tuple[tuple[Build, ...], tuple[str, ...]]:
    """Columns and libraries. Raises UnknownError ``bad-atlas``, FileNotFoundError."""
    try:
        head = json.loads((folder / BUILDS).read_bytes())
        check_schema(head, _SCHEMA)
        rows = [
            {**row, "sonames": tuple(row["sonames"]), "mapped": tuple(row["mapped"])}
            for row in head["builds"]
        ]
        return tuple(Build(**row) for row in rows), tuple(head["libraries"])
    except (ValueError, LookupError, TypeError) as error:
        raise UnknownError("bad-atlas", f"the atlas cannot be read: {error}") from error


def check_schema(head: Mapping[str, object], schema: str) -> None:
    """Raises ValueError where a file is of another form than ``schema`` names."""
    if head["schema"] != schema:
        raise ValueError(f"it is no {schema}")


def read_sizes(folder: Path, builds: Sequence[Build]) -> dict[str, str]:
    """Name → ``runs`` of its sizes. Raises UnknownError ``bad-atlas``."""
    try:
        text = zlib.decompress((folder / SIZES).read_bytes()).decode()
        first, *lines = text.splitlines()
        check_builds(first.split(), builds)
        return dict(line.split("\t") for line in lines)
    except (ValueError, zlib.error) as error:
        raise UnknownError("bad-atlas", f"the atlas cannot be read: {error}") from error


def read_table(folder: Path) -> Table:
    """The table that a folder holds; an empty one where it holds none. Raises ``bad-atlas``."""
    if not (folder / BUILDS).exists():
        return Table()
    builds, names = read_builds(folder)
    symbols = unpack((folder / NAMES).read_bytes(), columns_of(builds))
    return Table(builds, names, dict(symbols.rows()), read_sizes(folder, builds))


def columns_of(builds: Sequence[Build]) -> list[str]:
    """What the files say of whose columns they hold: ``2.7.0+cu126``."""
    return [f"{build.version}+{build.cuda}" for build in builds]


def check_builds(named: Sequence[str], builds: Sequence[Build]) -> None:
    """Raises ValueError where a file is not of these builds."""
    if list(named) != columns_of(builds):
        raise ValueError("its files are of different builds")


def runs(row: Sequence[int]) -> str:
    """``520*12,544*3``: sizes of consecutive columns."""
    found: list[list[int]] = []
    for size in row:
        if found and found[-1][0] == size:
            found[-1][1] += 1
        else:
            found.append([size, 1])
    return ",".join(f"{size}*{count}" for size, count in found)


def sizes_of(text: str) -> Iterator[int]:
    """The sizes that ``runs`` wrote."""
    for run in text.split(","):
        size, _, count = run.partition("*")
        yield from [int(size)] * int(count)
