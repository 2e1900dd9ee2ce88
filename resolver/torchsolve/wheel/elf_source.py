"""Bytes of an ELF file by offset: from memory, from a file, from what was inflated so far.

In: bytes or an open file. Out: exact ranges, or ``Unreadable``. A remote member brings a ``Source``
of its own that inflates as far as it is asked to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Protocol

from torchsolve.model.values import dataclass

CHUNK = 4 * 1024 * 1024


class Unreadable(ValueError):  # noqa: N818  (it becomes the text of ``unread``, never an error)
    """The file is damaged, lies about itself or is of a kind that is not read; it says how."""


class Source(Protocol):
    """Where ranges of one ELF file come from."""

    @property
    def size(self) -> int:
        """Bytes of the whole file."""

    @property
    def reach(self) -> int:
        """Bytes that can be read at no further cost; strings are looked for up to there."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly ``size`` bytes from ``offset``; ``Unreadable`` where they are not there."""


@dataclass(frozen=True, slots=True)
class BytesSource:
    """A file in memory."""

    data: bytes | memoryview

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    @property
    def reach(self) -> int:
        """All of it."""
        return len(self.data)

    def read_at(self, offset: int, size: int) -> bytes:
        """As ``Source.read_at``."""
        check_range(offset, size, len(self.data))
        return bytes(self.data[offset : offset + size])


@dataclass(frozen=True, slots=True)
class FileSource:
    """An open file that has a descriptor; its pages stay out of this process's memory."""

    stream: IO[bytes]
    size: int

    @property
    def reach(self) -> int:
        """All of it."""
        return self.size

    def read_at(self, offset: int, size: int) -> bytes:
        """As ``Source.read_at``."""
        check_range(offset, size, self.size)
        data = os.pread(self.stream.fileno(), size, offset)
        if len(data) != size:
            raise Unreadable(f"{size} bytes at {offset:#x} are past its end")
        return data


def check_range(offset: int, size: int, total: int) -> None:
    """Raises ``Unreadable`` where the range is not inside ``total`` bytes."""
    if offset < 0 or size < 0 or offset + size > total:
        raise Unreadable(f"{size} bytes at {offset:#x} are past its end ({total} bytes)")


def chunks(source: Source, start: int, end: int, overlap: int) -> Iterator[tuple[int, bytes]]:
    """``(offset, bytes)`` over a range; each begins ``overlap`` bytes before the last one's end."""
    offset = start
    while offset < end:
        size = min(CHUNK, end - offset)
        yield offset, source.read_at(offset, size)
        if offset + size >= end:
            return
        offset += size - overlap
