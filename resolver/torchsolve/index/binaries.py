"""What the compiled files of a remote wheel are, read by range and kept by the wheel's sha256.

In: a file of an index. Out: ``WheelBinary``. The directory comes first, then of each library as
much as its symbol tables need: its leading bytes where the linker's tables are there, all of it
where a tool moved them to the end, or where GPU code is asked for. What is read by range is not
verified: no part of a file can be held against its hash.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from torchsolve.errors import UnknownError, UsageError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.credentials import redact
from torchsolve.index.freshness import offline_miss
from torchsolve.index.http import Http
from torchsolve.index.inflate import LazyMember
from torchsolve.index.metadata import whole_file
from torchsolve.index.ranges import RangeFile, RangesRefusedError
from torchsolve.index.settings import IndexSettings
from torchsolve.model.binary import ElfFile, WheelBinary
from torchsolve.model.package import IndexFile
from torchsolve.model.values import dataclass, replace
from torchsolve.wheel.binary import (
    HEAD,
    binary_members,
    content_id,
    not_elf,
    read_binaries,
    read_variant_text,
)
from torchsolve.wheel.elf import read_elf, read_leading
from torchsolve.wheel.elf_source import Unreadable
from torchsolve.wheel.record import distil, dump_binary, load_binary
from torchsolve.wheel.shipped import shipped

# Members of one wheel at the same time: each holds up to 16 MiB of what it inflated.
_THREADS = 6
_KINDS = ("binaries-gpu", "binaries")
_MAX_MEMBER = 8 * 1024 * 1024 * 1024


class BinaryReader:
    """Reads compiled files of wheels; may be used by many threads."""

    def __init__(self, settings: IndexSettings, http: Http, cache: Cache) -> None:
        self._settings, self._http, self._cache = settings, http, cache

    def read(self, file: IndexFile, *, gpu: bool) -> WheelBinary:
        """The compiled files of a wheel; with their GPU code where that is asked for.

        Raises:
            UnknownError: ``offline-miss``, ``no-address``, ``not-a-wheel``, ``hash-mismatch``,
                and what ``Http`` raises.
        """
        kind = "binaries-gpu" if gpu else "binaries"
        return self._through(kind, file, partial(self._read, file, gpu=gpu))

    def _through(self, kind: str, file: IndexFile, work: Callable[[], WheelBinary]) -> WheelBinary:
        found = self._perhaps(kind, file, work)
        assert found is not None  # noqa: S101 - ``work`` gives one or raises
        return found

    def _perhaps(
        self, kind: str, file: IndexFile, work: Callable[[], WheelBinary | None]
    ) -> WheelBinary | None:
        if self._cache.transparent:
            return work()

        def as_entry() -> Entry:
            found = work()
            return Entry({"known": found is not None}, dump_binary(found).decode() if found else "")

        key = file.sha256 or redact(file.url or file.filename)
        self._cache.touch(kind, key)
        entry = self._cache.through(kind, key, as_entry)
        return load_binary(entry.body.encode(), file.filename) if entry.head["known"] else None

    def _read(self, file: IndexFile, *, gpu: bool) -> WheelBinary:
        kept = self._kept(file, _KINDS[:1] if gpu else _KINDS, gpu=gpu)
        if kept is not None:
            return kept
        url = self._address(file)
        try:
            member = partial(_read_member, gpu=gpu)
            found = self._by_range(file, url, member) if _is_remote(url) else None
            found = distil(found or self._whole(file, url))
        except UsageError as error:
            raise UnknownError(error.reference, error.message, origin=redact(url)) from None
        self._keep(found, "binaries-gpu" if gpu or found.verified else "binaries")
        return found

    def kept(self, file: IndexFile, *, gpu: bool = False) -> WheelBinary | None:
        """What is known of a wheel without asking anyone."""
        kinds = _KINDS[:1] if gpu else _KINDS
        known = partial(self._kept, file, kinds, gpu=gpu)
        return self._perhaps("binaries-kept-gpu" if gpu else "binaries-kept", file, known)

    def _address(self, file: IndexFile) -> str:
        if file.url is None:
            raise UnknownError(
                "no-address", "nothing is known of where it is", origin=file.filename
            )
        if self._settings.offline and _is_remote(file.url):
            raise offline_miss(f"the binaries of {file.filename}", file.name)
        return file.url

    def _kept(self, file: IndexFile, kinds: tuple[str, ...], *, gpu: bool) -> WheelBinary | None:
        for kind in kinds:
            entry = self._cache.read(kind, _key(file.sha256)) if file.sha256 else None
            if entry is not None:
                # An entry of another version's form is read again.
                with suppress(UsageError):
                    known = load_binary(entry.body.encode(), file.filename)
                    if not gpu or _tells_gpu(known):
                        return known
        here = shipped(file.name, file.sha256) if file.sha256 else None
        return None if here is None or (gpu and not _tells_gpu(here)) else here

    def _keep(self, binary: WheelBinary, kind: str) -> None:
        if binary.sha256 is not None:
            text = dump_binary(binary).decode()
            self._cache.write(kind, _key(binary.sha256), Entry({}, text))

    def _whole(self, file: IndexFile, url: str) -> WheelBinary:
        """The wheel downloaded once, hash checked, GPU code and all."""
        with whole_file(self._http, self._cache, file, url) as stream:
            return read_binaries(stream, file.filename, gpu=True)

    def _by_range(self, file: IndexFile, url: str, member: _Reader) -> WheelBinary | None:
        """None where the server refuses ranges."""
        try:
            archive = RangeFile(self._http, url)
        except RangesRefusedError:
            return None
        members, beyond, variant = _directory(archive, file.filename)
        with ThreadPoolExecutor(_THREADS, "binaries") as pool:
            read = partial(_of_member, archive, read=member, scratch=self._cache.scratch())
            rows = [row for row in pool.map(read, members) if row is not None]
        elves = tuple(row.elf for row in rows)
        return WheelBinary(
            file.filename,
            file.sha256,
            verified=False,
            files=elves,
            unread=(*beyond, *((elf.member, elf.unread) for elf in elves if elf.unread)),
            bytes_read=min(archive.received, archive.size),
            bytes_total=archive.size,
            whole=tuple(row.elf.member for row in rows if row.whole),
            variant=variant,
        )


def _is_remote(url: str) -> bool:
    return not url.startswith("file:")


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256[2:]}"


def _tells_gpu(binary: WheelBinary) -> bool:
    """Whether the record has the GPU code of every file, fatbin by fatbin."""
    return all(f.unread or (f.gpu and f.gpu.fatbins is not None) for f in binary.files)


def _directory(
    archive: RangeFile, filename: str
) -> tuple[list[zipfile.ZipInfo], list[tuple[str, str]], str | None]:
    """Members that may be ELF files, those beyond the most, and the text of ``variant.json``.

    Raises UsageError ``not-a-wheel``.
    """
    try:
        with zipfile.ZipFile(io.BufferedReader(archive)) as opened:
            members, unread = binary_members(opened)
            variant = read_variant_text(opened)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        message = f"it is no zip archive that can be read ({error})"
        raise UsageError("not-a-wheel", message, origin=filename) from None
    return members, unread, variant


@dataclass(frozen=True, slots=True)
class _Member:
    """``whole``: its symbols were not at its front."""

    elf: ElfFile
    whole: bool = False


_Reader = Callable[[LazyMember, str], tuple[ElfFile, bool]]


def _of_member(
    archive: RangeFile, info: zipfile.ZipInfo, *, read: _Reader, scratch: Path
) -> _Member | None:
    """None where it is no ELF file."""
    name = info.filename
    if info.file_size > _MAX_MEMBER:
        return _Member(ElfFile(name, unread=f"it claims {info.file_size} bytes"))
    try:
        with LazyMember(archive.fetch, info, scratch) as source:
            head = source.read_at(0, min(source.size, HEAD))
            if not head.startswith(b"\x7fELF"):
                known = not_elf(name, head)
                return None if known is None else _Member(known)
            elf, whole = read(source, name)
            elf = replace(elf, content=content_id(info))
            return _Member(elf, whole=whole)
    except Unreadable as reason:
        return _Member(ElfFile(name, unread=str(reason)))


def _read_member(source: LazyMember, name: str, *, gpu: bool) -> tuple[ElfFile, bool]:
    """The file, and whether it had to be read to its end for its symbols alone."""
    front = None if gpu else read_leading(source, name)
    return front or read_elf(source, name, gpu=gpu), front is None and not gpu
