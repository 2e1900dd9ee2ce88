"""The few small members of an sdist's archive that are asked for, and no more than that.

Archives come from anyone: what is unpacked is bounded in size, read forwards only, and never
written to the disk. Links and other members that are no plain file are passed over.
"""

from __future__ import annotations

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from gzip import GzipFile
from typing import IO, cast

from torchsolve.errors import UnknownError

MEMBER_LIMIT = 8 * 1024 * 1024
UNPACKED_LIMIT = 1024 * 1024 * 1024
_COUNT_LIMIT = 200_000
# tarfile reads the headers of long names at once, whatever size they claim; real ones are short.
_BLOCK = 64 * 1024

# What the readers of the standard library raise on an archive that is cut off or forged.
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    OverflowError,
    RuntimeError,
)

Wanted = Callable[[str], bool]


def read_members(
    stream: IO[bytes], filename: str, wanted: Wanted
) -> Generator[tuple[str, bytes], None, None]:
    """Path and content of the members whose path is ``wanted``, in the archive's order.

    Nothing behind the last one that is taken is unpacked. ``wanted`` sees the path of every plain
    file up to there.

    Raises:
        UnknownError: ``not-an-sdist`` where it is no archive that can be read;
            ``no-static-metadata`` where it is larger than anyone should unpack.
    """
    members = _from_zip if filename.endswith(".zip") else _from_tar
    try:
        yield from members(stream, wanted)
    except _LimitError as error:
        raise UnknownError(
            "no-static-metadata",
            f"{filename} {error}, and was not read further",
            origin=filename,
            hint="choose a version that has a wheel",
        ) from None
    except _BROKEN as error:
        message = f"it is no archive that can be read ({error})"
        raise UnknownError("not-an-sdist", message, origin=filename) from None


class _LimitError(Exception):
    """What the archive does that is too much, as a predicate."""


class _Unpacked:
    """Decompresses forwards, and not without end: tarfile believes every size in a header."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._gzip = GzipFile(fileobj=stream, mode="rb")
        self._position = 0

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _BLOCK:
            raise tarfile.ReadError("a header has a size that no header has")
        data = self._gzip.read(size)
        self._position += len(data)
        return data

    def seek(self, offset: int) -> int:
        if offset < self._position:
            raise tarfile.ReadError("a member lies before its header")
        if offset > UNPACKED_LIMIT:
            raise _LimitError(f"unpacks to more than {UNPACKED_LIMIT >> 20} MiB")
        for _ in self._blocks(offset):
            pass
        return self._position

    def member(self, entry: tarfile.TarInfo) -> bytes:
        """The content of the entry that was just met."""
        _check_size(entry.name, entry.size)
        self.seek(entry.offset_data)
        return b"".join(self._blocks(entry.offset_data + entry.size))

    def _blocks(self, end: int) -> Iterator[bytes]:
        while self._position < end:
            block = self.read(min(end - self._position, _BLOCK))
            if not block:
                raise EOFError("it is cut off")
            yield block


def _from_tar(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    unpacked = _Unpacked(stream)
    with tarfile.open(fileobj=cast("IO[bytes]", unpacked), mode="r:") as archive:
        for entry in _entries(archive):
            if _is_plain(entry) and wanted(entry.name):
                yield entry.name, unpacked.member(entry)


def _entries(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for _ in range(_COUNT_LIMIT):
        entry = archive.next()
        if entry is None:
            return
        if entry.size < 0:
            raise tarfile.ReadError("a member has less than no size")
        # It keeps every entry that it has met.
        archive.members.clear()  # type: ignore[attr-defined]
        yield entry
    raise _LimitError(f"holds more than {_COUNT_LIMIT} members")


def _is_plain(entry: tarfile.TarInfo) -> bool:
    return entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()


def _from_zip(stream: IO[bytes], wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(stream) as archive:
        for entry in archive.infolist():
            if not entry.is_dir() and wanted(entry.filename):
                yield entry.filename, _zip_member(archive, entry)


def _zip_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(f"{entry.filename} is compressed as no sdist is")
    with archive.open(entry) as member:
        data = member.read(MEMBER_LIMIT + 1)
    _check_size(entry.filename, len(data))
    return data


def _check_size(path: str, size: int) -> None:
    if size > MEMBER_LIMIT:
        raise _LimitError(f"holds a {path} of more than {MEMBER_LIMIT >> 20} MiB")
