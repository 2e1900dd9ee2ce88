"""The disk cache: small text files with a checksum, written whole or not at all.

An entry that is missing, cut off, changed by another hand or lying at another key than its own
reads as None and is fetched again. A disk that cannot be written costs speed, never an answer.

A file is drafted in a folder of its own and renamed: two processes may write one entry at once, and
one that is killed leaves a draft, which a later run sweeps away.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchsolve.files import open_draft
from torchsolve.model.trace import looked_at

# In every path: a new form of the entries starts an empty cache beside the old one.
_FORM = "v2"
_STALE = 24 * 3600.0

Stamp = tuple[int, ...]
"""Tells one writing of an entry from every other."""


class Entry:
    """A cached thing: a head of JSON values and a body of text.

    Attributes:
        data: the body in UTF-8, which is how it stays in memory: as a text it may be twice as big.
        stamp: of the file that holds it; None where none does.
    """

    __slots__ = ("data", "head", "stamp")

    def __init__(self, head: dict[str, Any], body: str | bytes) -> None:
        self.head = head
        self.stamp: Stamp | None = None
        self.data = body.encode("utf-8", "replace") if isinstance(body, str) else body

    @property
    def body(self) -> str:
        """The text, made anew each time."""
        return self.data.decode()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        return self.head == other.head and self.data == other.data

    __hash__ = None  # type: ignore[assignment]


class Cache:
    """Entries under ``folder``, by kind and key; both are safe relative paths.

    Attributes:
        transparent: ``through`` does the work and nothing else.
    """

    transparent = True

    def __init__(self, folder: Path) -> None:
        self._root = folder / "index" / _FORM
        self._swept = False

    def path(self, kind: str, key: str) -> Path:
        """Where the entry is kept."""
        return self._root / kind / key

    def read(self, kind: str, key: str) -> Entry | None:
        """The entry; None where there is none that is whole."""
        try:
            with open(f"{self._root}/{kind}/{key}", "rb") as stream:  # noqa: PTH123 - read often
                stamp = _stamp(os.fstat(stream.fileno()))
                data = stream.read()
            if int(data[:8], 16) != _checksum(kind, key, memoryview(data)[8:]):
                return None
            end = data.find(b"\n", 8)
            head = json.loads(data[8:end])
            if not isinstance(head, dict):
                return None
        except (OSError, ValueError):
            return None
        entry = Entry(head, data[end + 1 :])
        entry.stamp = stamp
        return entry

    def write(self, kind: str, key: str, entry: Entry) -> None:
        """Keeps the entry, in place of an older one."""
        head = json.dumps(entry.head, sort_keys=True, separators=(",", ":"))
        data = head.encode() + b"\n" + entry.data
        with contextlib.suppress(OSError):
            checked = b"%08x" % _checksum(kind, key, data) + data
            entry.stamp = self._replace(self.path(kind, key), checked)

    def stamp(self, kind: str, key: str) -> Stamp | None:
        """The stamp that an entry would have if it were read; None where there is none."""
        path = f"{self._root}/{kind}/{key}"
        looked_at(path)
        try:
            return _stamp(os.stat(path))  # noqa: PTH116 - asked often
        except OSError:
            return None

    def trim(self, kind: str, most: int) -> None:
        """Drops the oldest entries of a kind, all but ``most``."""
        with contextlib.suppress(OSError):
            found = sorted(self.path(kind, "").iterdir(), key=lambda path: path.stat().st_mtime)
            for path in found[:-most]:
                path.unlink()

    def touch(self, kind: str, key: str) -> None:
        """Tells a snapshot that this is needed, and not only fetched ahead."""

    def through(self, kind: str, key: str, work: Callable[[], Entry]) -> Entry:  # noqa: ARG002
        """What ``work`` gives, which a snapshot may record or stand in for."""
        return work()

    def finish(self) -> None:
        """Ends a recording; see ``snapshot``."""

    def scratch(self) -> Path:
        """A folder for downloads in progress, on the cache's own disk. Raises OSError."""
        folder = self._root / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _replace(self, path: Path, data: bytes) -> Stamp:
        handle, draft = open_draft(self._drafts())
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                stamp = _stamp(os.fstat(handle))
            try:
                Path(draft).replace(path)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        return stamp

    def _drafts(self) -> Path:
        folder = self._root / "drafts"
        if not self._swept:
            # Said afterwards: another thread may be about to write, and needs the folder.
            folder.mkdir(parents=True, exist_ok=True)
            self._swept = True
            _sweep(folder)
        return folder


def _stamp(found: os.stat_result) -> Stamp:
    """An entry is written to a new file each time: none has the number and time of another."""
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _checksum(kind: str, key: str, data: bytes | memoryview) -> int:
    return zlib.crc32(data, zlib.crc32(f"{kind}/{key}".encode()))


def _sweep(folder: Path) -> None:
    """Drafts of runs that were killed; those of the last day may still be written."""
    oldest = time.time() - _STALE
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
