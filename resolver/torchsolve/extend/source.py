"""What the readers ask of an index, and what they share in reading a wheel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from packaging.requirements import Requirement
from packaging.version import Version

from torchsolve.errors import UnknownError
from torchsolve.model.package import DistMetadata, IndexFile
from torchsolve.model.version import PythonVersion
from torchsolve.wheel.filename import parse

_CPYTHON = re.compile(r"cp(\d)(\d+)")
_LINUX = re.compile(r"(?:many)?linux.*_(x86_64|aarch64)")
_CODE = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")


class Source(Protocol):
    """Pages, metadata and small members of wheels."""

    def files(self, name: str) -> Sequence[IndexFile]:
        """Files of a project, newest version first."""

    def metadata(self, file: IndexFile) -> DistMetadata:
        """Of one file."""

    def members(self, file: IndexFile, wanted: re.Pattern[str]) -> Mapping[str, bytes]:
        """The members whose whole path fits, unpacked."""


Say = Callable[[str], None]


def wheels(files: Iterable[IndexFile], machine: str = "x86_64") -> list[IndexFile]:
    """Those for Linux on a machine, in their order."""
    return [f for f in files if f.is_wheel and f.url and _machine(f) == machine]


def _machine(file: IndexFile) -> str | None:
    platforms = {tag.platform for tag in parse(file.filename).tags}
    found = next((m for p in sorted(platforms) if (m := _LINUX.fullmatch(p))), None)
    return found[1] if found else None


def by_version(files: Iterable[IndexFile]) -> dict[Version, list[IndexFile]]:
    """Newest first; yanked files are left out."""
    found: dict[Version, list[IndexFile]] = {}
    for file in files:
        if file.yanked is None:
            found.setdefault(file.version, []).append(file)
    return dict(sorted(found.items(), reverse=True))


def pythons(files: Iterable[IndexFile]) -> tuple[PythonVersion, ...]:
    """CPython minors that have a wheel of their own; free-threaded ones are not counted."""
    found = {
        PythonVersion(int(match[1]), int(match[2]))
        for file in files
        for tag in parse(file.filename).tags
        if tag.abi == tag.interpreter and (match := _CPYTHON.fullmatch(tag.interpreter))
    }
    return tuple(sorted(found))


def sample(files: Sequence[IndexFile]) -> IndexFile:
    """The one that is read: all Pythons' wheels of a release hold the same libraries."""
    return min(files, key=lambda file: (_youngest(file), file.filename))


def _youngest(file: IndexFile) -> int:
    minors = [m for t in parse(file.filename).tags if (m := _CPYTHON.fullmatch(t.interpreter))]
    plain = [int(m[2]) for m in minors]
    return abs(min(plain, default=12) - 12)


def uploaded(files: Iterable[IndexFile]) -> str | None:
    """The day of the first upload, ``2026-10-28``; None where the index tells none."""
    days = [file.upload_time.date() for file in files if file.upload_time]
    return min(days).isoformat() if days else None


def requirement(metadata: DistMetadata, name: str) -> Requirement | None:
    """What METADATA asks of a package on Linux on x86_64; extras are not asked."""
    environment = {"platform_system": "Linux", "platform_machine": "x86_64", "extra": ""}
    for declared in metadata.requires:
        wanted = declared.requirement
        if wanted.name.lower() == name and (
            wanted.marker is None or wanted.marker.evaluate(dict(environment))
        ):
            return wanted
    return None


def capabilities(flags: str) -> str:
    """``sm_75 sm_90a compute_120`` → ``7.5 9.0a 12.0+PTX``, as torch's own arch list has them."""
    rows: dict[tuple[int, int, str], set[str]] = {}
    for kind, major, minor, variant in _CODE.findall(flags):
        rows.setdefault((int(major), int(minor), variant), set()).add(kind)
    return " ".join(
        f"{major}.{minor}{variant}{'+PTX' if 'compute' in kinds else ''}"
        for (major, minor, variant), kinds in sorted(rows.items())
    )


def only(found: Mapping[str, bytes], file: IndexFile, what: str) -> bytes:
    """The one member that was wanted. Raises UnknownError ``no-such-member``."""
    if len(found) != 1:
        message = f"it has {len(found) or 'no'} {what}"
        raise UnknownError("no-such-member", message, origin=file.filename)
    return next(iter(found.values()))
