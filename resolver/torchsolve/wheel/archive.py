"""Wheel files: the members that say what is in them, never the whole of it.

In: a path or bytes that can be sought in (a range reader too). Out: what METADATA, WHEEL and RECORD
say. ``wheel_inspect.inspect_wheel`` hashes every member of a file (seconds for a torch wheel); here
its parsers are given the two small members that they are for.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import IO, Any

from packaging.utils import canonicalize_name

from torchsolve.errors import UsageError
from torchsolve.model.package import DistMetadata
from torchsolve.model.values import dataclass
from torchsolve.wheel.metadata import parse_metadata

# METADATA, WHEEL or RECORD beyond this is an attack or a defect; RECORD of torch has 1.5 MB.
MEMBER_LIMIT = 8 * 1024 * 1024

_INFO = re.compile(r"([^/]+)-[^/-]+\.dist-info/METADATA")
_EXTENSION = re.compile(r"\.so(\.\d+)*$|\.pyd$")
# Of a member: checksum, deflate, end, method, encryption (zipfile raises RuntimeError for that).
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)

Source = Path | IO[bytes]


@dataclass(frozen=True, slots=True)
class RecordedMember:
    """A row of RECORD: ``sha256`` in hex, None for RECORD itself; ``size`` in bytes."""

    path: str
    sha256: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class WheelContents:
    """What a wheel says about itself from the inside.

    Attributes:
        metadata: METADATA, declared.
        tags: Tag lines of WHEEL, ``cp312-cp312-linux_x86_64``; may differ from the file name's.
        generator: the tool that wrote it.
        purelib: Root-Is-Purelib.
        extensions: shared objects in it, by the archive's directory, sorted.
        record: rows of RECORD in its order; None where it is missing or malformed.
        notes: what WHEEL or RECORD got wrong, one line each.
    """

    metadata: DistMetadata
    tags: tuple[str, ...]
    generator: str | None
    purelib: bool | None
    extensions: tuple[str, ...]
    record: tuple[RecordedMember, ...] | None
    notes: tuple[str, ...]


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def read_wheel(source: Source, origin: str) -> DistMetadata:
    """The METADATA of a wheel; for a remote source only its bytes and the directory are read.

    Args:
        origin: the file's name or place, for errors and evidence.

    Raises:
        UsageError: ``not-a-wheel`` where it is no zip archive or has no METADATA of its own;
            ``bad-metadata`` where that has no usable Name and Version.
    """
    with _opened(source, origin) as archive:
        return _metadata(archive, origin)


def read_contents(source: Source, origin: str) -> WheelContents:
    """METADATA, WHEEL, RECORD and the directory of a wheel. Raises as ``read_wheel`` does."""
    with _opened(source, origin) as archive:
        folder = _info_folder(archive, origin)
        notes: list[str] = []
        wheel = _wheel_fields(archive, folder, origin, notes)
        return WheelContents(
            _metadata(archive, origin),
            tuple(wheel.get("tag", ())),
            wheel.get("generator"),
            wheel.get("root_is_purelib"),
            tuple(sorted(n for n in archive.namelist() if _EXTENSION.search(n))),
            _record(archive, folder, origin, notes),
            tuple(notes),
        )


@contextmanager
def _opened(source: Source, origin: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except DAMAGE as error:
        raise not_a_wheel(f"it is no zip archive that can be read ({error})", origin) from None
    except OSError as error:
        if isinstance(source, Path):
            raise not_a_wheel(error.strerror or "it cannot be read", origin) from None
        raise


def not_a_wheel(why: str, origin: str) -> UsageError:
    """The error for a file that is no wheel, or none that can be read."""
    return UsageError("not-a-wheel", why, origin=origin, hint="fetch the file again")


def _info_folder(archive: zipfile.ZipFile, origin: str) -> str:
    found = [m for m in map(_INFO.fullmatch, archive.namelist()) if m]
    if len(found) > 1:
        wanted = canonicalize_name(Path(origin).name.split("-")[0])
        found = [m for m in found if canonicalize_name(m[1]) == wanted]
    if len(found) != 1:
        count = "no" if not found else "more than one"
        raise not_a_wheel(f"it has {count} *.dist-info/METADATA", origin)
    return found[0][0].removesuffix("METADATA")


def _metadata(archive: zipfile.ZipFile, origin: str) -> DistMetadata:
    text = _member(archive, _info_folder(archive, origin) + "METADATA", origin)
    return parse_metadata(text, f"METADATA of {Path(origin).name}")


def _member(archive: zipfile.ZipFile, path: str, origin: str) -> str:
    with archive.open(path) as stream:
        data = stream.read(MEMBER_LIMIT + 1)
    if len(data) > MEMBER_LIMIT:
        raise not_a_wheel(f"{path} is larger than {MEMBER_LIMIT >> 20} MiB", origin)
    return data.decode("utf-8", "replace")


def _wheel_fields(
    archive: zipfile.ZipFile, folder: str, origin: str, notes: list[str]
) -> dict[str, Any]:
    from headerparser import Error
    from wheel_inspect.wheel_info import parse_wheel_info

    try:
        fields: dict[str, Any] = parse_wheel_info(
            io.StringIO(_member(archive, f"{folder}WHEEL", origin))
        )
    except (KeyError, Error, ValueError) as error:
        notes.append(f"WHEEL cannot be read: {error} [{origin}]")
        return {}
    return fields


def _record(
    archive: zipfile.ZipFile, folder: str, origin: str, notes: list[str]
) -> tuple[RecordedMember, ...] | None:
    from wheel_inspect.errors import WheelValidationError
    from wheel_inspect.record import parse_record

    try:
        rows = parse_record(io.StringIO(_member(archive, f"{folder}RECORD", origin)))
    except (KeyError, WheelValidationError, ValueError) as error:
        notes.append(f"RECORD cannot be read: {error} [{origin}]")
        return None
    return tuple(
        RecordedMember(row.path, row.digest if row.digest_algorithm == "sha256" else None, row.size)
        for row in rows
    )
