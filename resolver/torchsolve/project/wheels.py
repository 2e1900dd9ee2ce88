"""Wheels in a project's tree: what their names claim and what their METADATA declares."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from hashlib import file_digest
from io import BufferedReader
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from torchsolve.errors import UsageError
from torchsolve.model.package import DistMetadata, IndexFile
from torchsolve.model.project import WheelFact
from torchsolve.model.target import Platform
from torchsolve.model.values import dataclass, replace
from torchsolve.project.tree import folder_of
from torchsolve.wheel.archive import read_wheel
from torchsolve.wheel.claims import claims
from torchsolve.wheel.filename import WheelName, parse
from torchsolve.wheel.metadata import check_identity, check_requires
from torchsolve.wheel.modules import modules_of

_LFS = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>\d+)\n"
)


@dataclass(frozen=True, slots=True)
class LfsPointer:
    """What stands in place of a file that Git LFS keeps elsewhere."""

    sha256: str
    size: int


def lfs_pointer(head: bytes) -> LfsPointer | None:
    """The pointer that ``head`` (the first kilobyte of a file) is; None where it is a real file."""
    match = _LFS.match(head)
    return LfsPointer(match["oid"].decode(), int(match["size"])) if match else None


def is_foreign(name: WheelName, platform: Platform) -> bool:
    """Whether no tag of the wheel can match Linux on ``platform``'s machine or any machine."""
    machine = platform.machine
    return not any(
        tag.platform == "any" or ("linux" in tag.platform and tag.platform.endswith(f"_{machine}"))
        for tag in name.tags
    )


def fact(place: str, stream: BinaryIO | None, url: str | None) -> WheelFact:
    """All that is known of the wheel at ``place``.

    ``stream`` is None where its bytes are not there: no hash and no metadata then.
    A wheel that is broken is unread, never an error here.
    Raises UsageError ``bad-wheel-name`` or ``variant-wheel-name``.
    """
    filename = PurePosixPath(place).name
    name = parse(filename)
    claimed = claims(filename, place)
    file = IndexFile(name.name, name.version, filename, url, "project", place=place)
    known = WheelFact(file, None, claimed.evidence, claimed.torch, claimed.cuda)
    if stream is None:
        return replace(known, unread="its bytes are not in this repository snapshot")
    return _read(known, stream)


def _read(known: WheelFact, stream: BinaryIO) -> WheelFact:
    pointer = lfs_pointer(stream.read(1024))
    if pointer:
        file = replace(known.file, sha256=pointer.sha256, size=pointer.size)
        return replace(known, file=file, unread="a Git LFS pointer stands in its place")
    stream.seek(0)
    digest = file_digest(cast("BufferedReader", stream), "sha256").hexdigest()
    file = replace(known.file, sha256=digest, size=stream.seek(0, 2))
    stream.seek(0)
    try:
        metadata = read_wheel(stream, known.file.place or known.file.filename)
        check_identity(metadata, file.name, file.version, file.filename)
        check_requires(metadata, file.filename)
    except UsageError as error:
        return replace(known, file=file, unread=f"{error.reference}: {error.message}")
    return replace(
        known, file=_with_python(file, metadata), metadata=metadata, modules=_modules(stream)
    )


def _modules(stream: BinaryIO) -> tuple[str, ...]:
    try:
        return modules_of(zipfile.ZipFile(stream).namelist())
    except (zipfile.BadZipFile, OSError):
        return ()


def _with_python(file: IndexFile, metadata: DistMetadata) -> IndexFile:
    return replace(file, requires_python=metadata.requires_python)


def mark_required(
    facts: Iterable[WheelFact], imported: frozenset[str] | None = None
) -> tuple[WheelFact, ...]:
    """Set ``required`` (DESIGN section 5): wheels that bring a module that is surely imported.

    Args:
        imported: outermost names of those modules. None where the source was not read: what every
            folder holds is then taken as needed, as it is where no wheel's members could be read.
    """
    found = tuple(facts)
    if imported is not None and any(wheel.modules for wheel in found):
        brought = {
            wheel.file.name
            for wheel in found
            if {module.partition(".")[0] for module in wheel.modules} & imported
        }
        unread = {w.file.name for w in found} - {w.file.name for w in found if w.modules}
        brought |= {name for name in unread if name.replace("-", "_") in imported}
        return tuple(replace(w, required=w.file.name in brought) for w in found)
    folders: dict[str, set[str]] = {}
    for wheel in found:
        folders.setdefault(folder_of(wheel.file.place or ""), set()).add(wheel.file.name)
    everywhere = set.intersection(*folders.values()) if folders else set()
    return tuple(replace(w, required=w.file.name in everywhere) for w in found)
