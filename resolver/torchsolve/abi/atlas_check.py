"""Compares the atlas with the published wheels again: one small library of a release, by range."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from packaging.version import Version

from torchsolve.abi.atlas import Atlas
from torchsolve.abi.atlas_build import Source, torch_file
from torchsolve.abi.library import Library
from torchsolve.abi.record import is_stable, read_libraries
from torchsolve.errors import UnknownError

# First in the order of libraries: its names are told as its own whoever else has them.
_SAMPLE = "libc10.so"
_MEMBER = re.compile(r"torch/lib/libc10\.so")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, LookupError)


class RangeSource(Source, Protocol):
    """A source whose files can be read in part."""

    def open(self, url: str) -> IO[bytes]:
        """The file as one that can be sought in."""
        ...


def recheck(atlas: Atlas, version: Version, source: RangeSource) -> tuple[str, ...]:
    """What of the release's default build differs from its wheel; nothing where it is the same.

    Raises:
        UsageError: ``not-in-atlas``, ``no-such-release``.
        UnknownError: what the index raises; ``not-a-wheel``, ``unreadable-library``.
    """
    file = torch_file(version, source)
    try:
        with (
            source.open(str(file.url)) as stream,
            zipfile.ZipFile(stream) as archive,
            tempfile.TemporaryDirectory() as folder,
        ):
            library = dict(read_libraries(archive, Path(folder), _MEMBER))[_SAMPLE]
    except _BROKEN as error:
        raise UnknownError("not-a-wheel", str(error), origin=file.filename) from error
    return tuple(f"torch {version}: {found}" for found in _differences(atlas, version, library))


def _differences(atlas: Atlas, version: Version, library: Library) -> Iterator[str]:
    names = [name for name in library.exports if is_stable(name)]
    for name in atlas.missing(version, names):
        yield f"{_SAMPLE} exports {name}, the atlas does not have it"
    kept = atlas.count(version, _SAMPLE)
    if kept != len(names):
        yield f"{_SAMPLE} exports {len(names)} names, the atlas has {kept}"
    facts = atlas.release(version)
    for name, size in facts.vtables.items() if facts else ():
        if library.exports.get(name, size) != size:
            yield f"{name} has {library.exports[name]} bytes, the atlas says {size}"
