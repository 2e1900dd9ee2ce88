"""A member of a remote archive, inflated as far as it is asked for.

Deflate has no seeks: to read at an offset all before it has to be inflated, and so fetched. What
was inflated is kept in a spool, in memory while it is small, so that a reader may go back.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Self

from torchsolve.wheel.elf_source import Unreadable, check_range

Fetch = Callable[[int, int], bytes]

_LOCAL = struct.Struct("<4s5H3I2H")
_FIRST = 32 * 1024
_LEAST = 16 * 1024
_MOST = 4 * 1024 * 1024
_PIECE = 8 * 1024 * 1024
_IN_MEMORY = 16 * 1024 * 1024


class LazyMember:
    """One member: a ``Source`` for the ELF reader. Use as a context manager.

    Args:
        fetch: bytes of the archive from ``start`` to ``end``; its errors pass through.
        scratch: a folder for what does not fit into memory.
    """

    def __init__(self, fetch: Fetch, info: zipfile.ZipInfo, scratch: Path) -> None:
        if info.flag_bits & 1:
            raise Unreadable("the archive's member is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable(f"the archive's member is compressed by method {info.compress_type}")
        self._fetch, self._info = fetch, info
        self._spool: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch))  # noqa: SIM115
        self._inflated = self._consumed = 0
        self._crc = 0
        self._start: int | None = None
        self._decoder = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def size(self) -> int:
        """Of the whole member, inflated, as the archive's directory says."""
        return self._info.file_size

    @property
    def reach(self) -> int:
        """How much is inflated."""
        return self._inflated

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly these bytes. Raises ``Unreadable`` where the member has not as many."""
        check_range(offset, size, self.size)
        while self._inflated < offset + size:
            self._more(offset + size - self._inflated)
        self._spool.seek(offset)
        return self._spool.read(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spool.close()

    def _more(self, missing: int) -> None:
        if self._consumed >= self._info.compress_size and self._start is not None:
            raise Unreadable("the archive's member ends before its size")
        block = self._first() if self._start is None else self._next(missing)
        self._consumed += len(block)
        for data in self._inflate(block):
            self._keep(data)

    def _first(self) -> bytes:
        """The local header, whose length only it says, and what follows it."""
        at, total = self._info.header_offset, self._info.compress_size
        length = _LOCAL.size + len(self._info.filename.encode()) + 64
        block = self._fetch(at, at + length + min(_FIRST, total))
        if len(block) < _LOCAL.size or block[:4] != b"PK\x03\x04":
            raise Unreadable("the archive's member has no header where the directory says")
        *_, names, extra = _LOCAL.unpack_from(block)
        self._start = at + _LOCAL.size + names + extra
        return block[_LOCAL.size + names + extra :][:total]

    def _next(self, missing: int) -> bytes:
        """As much as is likely to give ``missing`` bytes, judged by what came before."""
        assert self._start is not None  # noqa: S101 - the first block sets it
        ratio = self._consumed / self._inflated if self._inflated else 1.0
        wanted = min(_MOST, max(_LEAST, int(missing * ratio * 1.05)))
        at = self._start + self._consumed
        return self._fetch(at, min(at + wanted, self._start + self._info.compress_size))

    def _inflate(self, block: bytes) -> Iterator[bytes]:
        """In pieces: a block may unpack to a thousand times its size."""
        if self._info.compress_type == zipfile.ZIP_STORED:
            yield block
            return
        try:
            while block:
                yield self._decoder.decompress(block, _PIECE)
                block = self._decoder.unconsumed_tail
        except zlib.error as error:
            raise Unreadable(f"the archive's member is damaged: {error}") from None

    def _keep(self, data: bytes) -> None:
        self._spool.seek(self._inflated)
        self._spool.write(data)
        self._inflated += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if self._inflated > self.size:
            raise Unreadable("the archive's member unpacks to more than its size")
        if self._inflated == self.size and self._crc != self._info.CRC:
            raise Unreadable("the archive's member is damaged: its checksum differs")
