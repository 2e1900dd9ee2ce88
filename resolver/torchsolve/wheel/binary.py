"""A local wheel → what its compiled files are.

In: a path or bytes that can be sought in. Out: ``WheelBinary``. Members are inflated one after the
other, large ones into a temporary file, so that memory stays bounded.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO

from torchsolve.model.binary import ElfFile, WheelBinary
from torchsolve.model.values import replace
from torchsolve.wheel import variant
from torchsolve.wheel.archive import DAMAGE, not_a_wheel
from torchsolve.wheel.elf import read_elf
from torchsolve.wheel.elf_source import CHUNK, BytesSource, FileSource, Source

_IN_MEMORY = 16 * 1024 * 1024
# zlib lets other threads run: two inflate at once, each with at most _IN_MEMORY twice.
_THREADS = 2
# The largest library of any torch wheel has 1.1 GB; deflate can make this of 4 MB.
_MAX_MEMBER = 4 * 1024 * 1024 * 1024
# The wheels that have most hold a few hundred.
_MOST_MEMBERS = 4096
_LIBRARY = re.compile(r"\.so(\.[0-9A-Za-z_]+)*$|\.pyd$")
# Files that have a library's name and are given to no loader of Linux: linker scripts, archives,
# libraries of macOS and Windows (a wheel for any platform may hold one a system).
_FOREIGN = (
    *(b"GROUP", b"INPUT", b"OUTPUT_FORMAT", b"/*", b"!<arch>", b"MZ"),
    *(b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"),
)
HEAD = 64
_BINARY_FOLDER = re.compile(r"(^|/)(bin|scripts|[^/]+\.libs|lib)/[^/.]+$")


def read_binaries(source: Path | IO[bytes], filename: str, *, gpu: bool = False) -> WheelBinary:
    """All ELF files of a local wheel.

    Args:
        filename: the wheel's name, for errors and evidence.
        gpu: read GPU code too (inflates large members to their end).

    Raises:
        UsageError: ``not-a-wheel`` where it is no zip archive that can be read.
    """
    with _stream(source, filename) as stream:
        digest = _sha256(stream)
        total = stream.seek(0, io.SEEK_END)
        files, unread, label = _read_members(stream, gpu)
    return WheelBinary(
        filename,
        digest,
        verified=True,
        files=tuple(files),
        unread=tuple(unread),
        bytes_read=total,
        bytes_total=total,
        variant=label,
    )


def _sha256(stream: IO[bytes]) -> str:
    digest = sha256()
    while block := stream.read(CHUNK):
        digest.update(block)
    return digest.hexdigest()


@contextmanager
def _stream(source: Path | IO[bytes], filename: str) -> Iterator[IO[bytes]]:
    try:
        if isinstance(source, Path):
            with source.open("rb") as stream:
                yield stream
        else:
            source.seek(0)
            yield source
    except zipfile.BadZipFile as error:
        raise not_a_wheel(f"it is no zip archive that can be read ({error})", filename) from None
    except OSError as error:
        raise not_a_wheel(error.strerror or "it cannot be read", filename) from None


def _read_members(
    stream: IO[bytes], gpu: bool
) -> tuple[list[ElfFile], list[tuple[str, str]], str | None]:
    with zipfile.ZipFile(stream) as archive, ThreadPoolExecutor(_THREADS, "members") as pool:
        members, unread = binary_members(archive)
        found = pool.map(partial(_read_member, archive, gpu=gpu), members)
        files = [file for file in found if file is not None]
        label = read_variant_text(archive)
    return files, [*unread, *((file.member, file.unread) for file in files if file.unread)], label


def binary_members(
    archive: zipfile.ZipFile,
) -> tuple[list[zipfile.ZipInfo], list[tuple[str, str]]]:
    """Members that may be ELF files, by name, and what is beyond the most that are read."""
    found = [info for info in archive.infolist() if may_be_binary(info.filename)]
    found.sort(key=lambda info: info.filename)
    if len(found) <= _MOST_MEMBERS:
        return found, []
    why = f"it and {len(found) - _MOST_MEMBERS - 1} more come after {_MOST_MEMBERS} others"
    return found[:_MOST_MEMBERS], [(found[_MOST_MEMBERS].filename, why)]


def read_variant_text(archive: zipfile.ZipFile) -> str | None:
    """Its ``variant.json``; text that is no JSON where it is damaged or too large to be one."""
    info = next((i for i in archive.infolist() if variant.MEMBER.fullmatch(i.filename)), None)
    if info is None:
        return None
    try:
        with archive.open(info) as member:
            data = member.read(variant.LIMIT + 1)
    except DAMAGE:
        return ""
    return "" if len(data) > variant.LIMIT else data.decode("utf-8", "replace")


def may_be_binary(member: str) -> bool:
    """Whether a member can be an ELF file, by its name; its first bytes decide."""
    return bool(_LIBRARY.search(member) or _BINARY_FOLDER.search(member))


def not_elf(member: str, head: bytes) -> ElfFile | None:
    """A file that is no ELF file though its name says so; None where none was to be expected.

    Args:
        head: its first ``HEAD`` bytes.
    """
    if not _LIBRARY.search(member) or head.lstrip().startswith(_FOREIGN):
        return None
    if not head:
        return ElfFile(member, unread="it is empty")
    if head.startswith(b"version https://git-lfs"):
        return ElfFile(member, unread="it is a Git LFS pointer, not the file itself")
    return ElfFile(member, unread="it is no ELF file")


def content_id(info: zipfile.ZipInfo) -> str:
    """Tells two members with other contents apart."""
    return f"{info.CRC:08x}-{info.file_size}"


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, gpu: bool) -> ElfFile | None:
    """One member; None where it is no ELF file."""
    name = info.filename
    if info.file_size > _MAX_MEMBER:
        return ElfFile(name, unread=f"it claims {info.file_size} bytes")
    try:
        with archive.open(info) as member:
            head = member.read(HEAD)
            if not head.startswith(b"\x7fELF"):
                return not_elf(name, head)
            with _inflated(member, head, info.file_size) as source:
                return replace(read_elf(source, name, gpu=gpu), content=content_id(info))
    except DAMAGE as error:
        return ElfFile(name, unread=f"the archive's member is damaged: {error}")


@contextmanager
def _inflated(member: IO[bytes], head: bytes, size: int) -> Iterator[Source]:
    """A member of ``size`` bytes, ``head`` of them read. Raises BadZipFile where it has fewer."""
    if size <= _IN_MEMORY:
        data = head + member.read()
        _check_size(len(data), size)
        yield BytesSource(data)
        return
    with tempfile.TemporaryFile() as file:
        file.write(head)
        while block := member.read(CHUNK):
            file.write(block)
        file.flush()
        _check_size(file.tell(), size)
        yield FileSource(file, size)


def _check_size(found: int, claimed: int) -> None:
    if found != claimed:
        raise zipfile.BadZipFile(f"it unpacks to {found} bytes, not {claimed}")
