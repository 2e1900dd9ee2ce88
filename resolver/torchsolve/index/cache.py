"""The disk cache: small text files with a checksum, written whole or not at all.

An entry that is missing, cut off or changed by another hand reads as None and is fetched again.
A disk that cannot be written costs speed, never an answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# In every path: a new form of the entries starts an empty cache beside the old one.
_FORM = "v1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached thing: a head of JSON values and a body of text."""

    head: dict[str, Any]
    body: str


class Cache:
    """Entries under ``folder``, by kind and key; keys are safe file names."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "index" / _FORM

    def path(self, kind: str, key: str) -> Path:
        """Where the entry is kept."""
        return self._root / kind / key

    def read(self, kind: str, key: str) -> Entry | None:
        """The entry; None where there is none that is whole."""
        try:
            data = self.path(kind, key).read_bytes()
            if int(data[:8], 16) != zlib.crc32(data[8:]):
                return None
            head, _, body = data[8:].decode().partition("\n")
            return Entry(json.loads(head), body)
        except (OSError, ValueError):
            return None

    def write(self, kind: str, key: str, entry: Entry) -> None:
        """Keeps the entry, in place of an older one."""
        head = json.dumps(entry.head, sort_keys=True, separators=(",", ":"))
        data = f"{head}\n{entry.body}".encode("utf-8", "replace")
        path = self.path(kind, key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(path, b"%08x" % zlib.crc32(data) + data)

    def scratch(self) -> Path:
        """A folder for downloads in progress, on the cache's own disk. Raises OSError."""
        folder = self._root / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _write_atomically(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
