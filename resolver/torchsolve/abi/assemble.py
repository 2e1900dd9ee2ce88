"""Makes the atlas of what was read: new columns beside those that it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from torchsolve.abi.atlas_build import Built
from torchsolve.abi.mapped import libraries, mapped, sonames
from torchsolve.abi.name_table import hash_of
from torchsolve.abi.table import Build, Table, runs, sizes_of
from torchsolve.model.version import dotted_key

# First those that builds of other CUDA tags share: of two libraries with a name the first is told.
_ORDER = (
    "libc10.so",
    "libtorch_cpu.so",
    "libtorch_python.so",
    "libtorch.so",
    "libc10_cuda.so",
    "libtorch_cuda.so",
    "libtorch_cuda_linalg.so",
)
# What else lies in torch/lib (libgomp, libgfortran) is the system's, bundled.
_OWN = ("libtorch", "libc10", "libcaffe2", "libshm", "libnvfuser")
_FLOORS = ("GLIBC", "GLIBCXX", "CXXABI")
_VERSION = re.compile(r"(GLIBC|GLIBCXX|CXXABI)_([\d.]+)")


def build_of(built: Built, *, default: bool) -> Build:
    """The column's facts."""
    torch, found = built.torch, libraries(built.torch, built.cuda)
    return Build(
        version=torch.version,
        cuda=str(built.tag),
        default=default,
        file=torch.filename,
        sha256=torch.sha256,
        uploaded=built.uploaded,
        cxx11_abi=torch.cxx11_abi,
        floors=dict(_floors(built)),
        exported={name: facts.exported for name, facts in sorted(torch.libraries.items())},
        wheels=built.pins,
        sonames=tuple(sorted(sonames(found))),
        mapped=tuple(sorted(mapped(found, torch.preloads))),
        layout=torch.layout,
    )


def with_builds(table: Table, new: Iterable[tuple[Build, Built]]) -> Table:
    """The table with these columns, each in the place of one that it had of the same build."""
    added = {build.key: (build, built) for build, built in new}
    kept = [(build.key, at) for at, build in enumerate(table.builds) if build.key not in added]
    keys = sorted([*(key for key, _ in kept), *added])
    libraries_ = _ordered(table, added.values())
    where = {key: at for at, key in enumerate(keys)}
    rows = _moved_rows(table, libraries_, [(at, where[key]) for key, at in kept], len(keys))
    sizes = _moved_sizes(table, [(at, where[key]) for key, at in kept], len(keys))
    for key, (_, built) in added.items():
        for library in reversed(libraries_):
            number = libraries_.index(library) + 1
            for name in built.torch.exports.get(library, ()):
                rows.setdefault(hash_of(name), bytearray(len(keys)))[where[key]] = number
        for name, size in built.torch.sizes.items():
            sizes.setdefault(name, [0] * len(keys))[where[key]] = size
    old = {build.key: build for build in table.builds}
    return Table(
        tuple(added[key][0] if key in added else old[key] for key in keys),
        libraries_,
        {key: bytes(row) for key, row in rows.items() if any(row)},
        {name: runs(row) for name, row in sizes.items() if any(row)},
    )


def _ordered(table: Table, added: Iterable[tuple[Build, Built]]) -> tuple[str, ...]:
    names = {*table.libraries, *(n for _, b in added for n in b.torch.exports)}
    own = {name for name in names if name.startswith(_OWN)}
    return (*(name for name in _ORDER if name in own), *sorted(own.difference(_ORDER)))


def _moved_rows(
    table: Table, names: tuple[str, ...], moves: list[tuple[int, int]], width: int
) -> dict[int, bytearray]:
    numbers = bytes([0, *(names.index(name) + 1 for name in table.libraries)]).ljust(256, b"\0")
    moved: dict[bytes, bytes] = {}
    for history in set(table.rows.values()):
        row = bytearray(width)
        for old, new in moves:
            row[new] = numbers[history[old]]
        moved[history] = bytes(row)
    return {key: bytearray(moved[history]) for key, history in table.rows.items()}


def _moved_sizes(table: Table, moves: list[tuple[int, int]], width: int) -> dict[str, list[int]]:
    sizes: dict[str, list[int]] = {}
    for name, row in table.sizes.items():
        sizes[name] = [0] * width
        values = list(sizes_of(row))
        for old, new in moves:
            sizes[name][new] = values[old]
    return sizes


def _floors(built: Built) -> Iterator[tuple[str, str]]:
    found = [
        match.groups()
        for facts in built.torch.libraries.values()
        for _, version in facts.versions
        if (match := _VERSION.fullmatch(version))
    ]
    for kind in _FLOORS:
        versions = [version for name, version in found if name == kind]
        if versions:
            yield kind, max(versions, key=dotted_key)
