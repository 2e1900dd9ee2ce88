"""A remote file that can be sought in, for ``zipfile``: HTTP ranges, a few blocks in memory."""

from __future__ import annotations

import io
import re
from threading import Lock
from typing import TYPE_CHECKING

from torchsolve.errors import UnknownError
from torchsolve.index.credentials import redact
from torchsolve.index.http import Http, Response, raise_for_status

if TYPE_CHECKING:
    from typing_extensions import Buffer

# The tail holds the central directory of all but the largest wheels.
_TAIL = 64 * 1024
_STEP = 32 * 1024
_LIMIT = 64 * 1024 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RangesRefusedError(Exception):
    """The server gives the file whole or not at all."""


class RangeFile(io.RawIOBase):
    """The file behind ``url``, read by range.

    What is read so is not verified against the file's hash: no part of it can be.

    Raises:
        RangesRefusedError: at construction, where the server does not serve ranges.
        UnknownError: where it cannot be read, or changes between two reads.
    """

    def __init__(self, http: Http, url: str) -> None:
        self._http, self._url, self._position = http, url, 0
        self._blocks: list[tuple[int, bytes]] = []
        self._received = 0
        self._count = Lock()
        self._size = self._read_tail()

    def seekable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        """Fills the buffer with the next bytes, as far as there are any."""
        view = memoryview(buffer).cast("B")
        end = min(self._size, self._position + len(view))
        if end <= self._position:
            return 0
        data = self._known(self._position, end)
        if data is None:
            self._fetch(self._position, max(end, min(self._size, self._position + _STEP)))
            data = self._known(self._position, end)
        if data is None:
            raise UnknownError("index-error", "a range came back short", origin=redact(self._url))
        view[: len(data)] = data
        self._position = end
        return len(data)

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self._size

    @property
    def received(self) -> int:
        """Bytes that came over the wire so far; what two reads asked for counts twice."""
        return self._received

    def fetch(self, start: int, end: int) -> bytes:
        """Bytes from ``start`` to ``end``, as far as there are any; not kept, on any thread."""
        end = min(end, self._size)
        if start >= end:
            return b""
        known = self._known(start, end)
        return self._asked(start, end)[1] if known is None else known

    def _known(self, start: int, end: int) -> bytes | None:
        for first, block in self._blocks:
            if first <= start and end <= first + len(block):
                return block[start - first : end - first]
        return None

    def _read_tail(self) -> int:
        answer = self._get(f"bytes=-{_TAIL}")
        start, size = _content_range(answer)
        self._blocks.append((start, answer.body))
        return size

    def _fetch(self, start: int, end: int) -> None:
        self._blocks.append(self._asked(start, end))

    def _asked(self, start: int, end: int) -> tuple[int, bytes]:
        answer = self._get(f"bytes={start}-{end - 1}")
        first, size = _content_range(answer)
        if size != self._size:
            raise UnknownError(
                "index-error", "the file changed while it was read", origin=redact(self._url)
            )
        return first, answer.body

    def _get(self, asked: str) -> Response:
        headers = {"Range": asked, "Accept-Encoding": "identity"}
        try:
            answer = self._http.get(self._url, limit=_LIMIT, headers=headers)
        except UnknownError as error:
            if error.reference == "index-too-large":
                raise RangesRefusedError from None
            raise
        if answer.status in (200, 405, 416, 501):
            raise RangesRefusedError
        raise_for_status(answer.status, answer.url)
        with self._count:
            self._received += len(answer.body)
        return answer


def _content_range(answer: Response) -> tuple[int, int]:
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if answer.status != 206 or not found:
        raise RangesRefusedError
    return int(found[1]), int(found[3])
