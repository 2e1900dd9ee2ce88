"""A few members of a wheel, read by range; the wheel whole where an index refuses ranges."""

from __future__ import annotations

import io
import re
import zipfile
import zlib

from torchsolve.errors import UnknownError
from torchsolve.index.cache import Cache
from torchsolve.index.credentials import redact
from torchsolve.index.http import Http
from torchsolve.index.inflate import LazyMember
from torchsolve.index.metadata import whole_file
from torchsolve.index.ranges import RangeFile, RangesRefusedError
from torchsolve.model.package import IndexFile
from torchsolve.wheel.elf_source import Unreadable

# libtorch_python.so has 35 MB.
LIMIT = 256 * 1024 * 1024
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, RuntimeError)


def read_members(
    http: Http, cache: Cache, file: IndexFile, wanted: re.Pattern[str]
) -> dict[str, bytes]:
    """Path → content of the members whose whole path fits.

    Raises UnknownError ``no-address``, ``not-a-wheel``, ``bad-member`` (too large, encrypted,
    damaged), ``hash-mismatch`` and what ``Http`` raises.
    """
    if file.url is None:
        raise UnknownError("no-address", "nothing is known of where it is", origin=file.filename)
    try:
        archive = None if file.url.startswith("file:") else RangeFile(http, file.url)
    except RangesRefusedError:
        archive = None
    try:
        if archive is not None:
            return _by_range(archive, cache, wanted)
        with whole_file(http, cache, file, file.url) as stream, zipfile.ZipFile(stream) as opened:
            return {i.filename: opened.read(i) for i in _wanted(opened, wanted)}
    except Unreadable as error:
        raise UnknownError("bad-member", str(error), origin=redact(file.url)) from None
    except _BROKEN as error:
        message = f"it is no zip archive that can be read ({error})"
        raise UnknownError("not-a-wheel", message, origin=redact(file.url)) from None


def _by_range(archive: RangeFile, cache: Cache, wanted: re.Pattern[str]) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BufferedReader(archive)) as opened:
        members = _wanted(opened, wanted)
    found = {}
    for info in members:
        with LazyMember(archive.fetch, info, cache.scratch()) as source:
            found[info.filename] = source.read_at(0, info.file_size)
    return found


def _wanted(archive: zipfile.ZipFile, wanted: re.Pattern[str]) -> list[zipfile.ZipInfo]:
    found = [info for info in archive.infolist() if wanted.fullmatch(info.filename)]
    for info in found:
        if info.file_size > LIMIT:
            raise Unreadable(f"{info.filename} claims {info.file_size} bytes")
    return found
