"""A bound on the time and the bytes of a whole answer, its headers included.

The timeouts of an HTTP client are for each read of a socket: a server that sends one byte a second
never meets them, be it in the headers, between two chunks or in the head of a compressed body. So
the reads themselves are counted. A connection serves one request at a time, in the thread that
asked; what that thread may read is kept with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torchsolve.errors import UnknownError
from torchsolve.index.credentials import origin, redact

# Bytes a second below which patience ends: a modem's pace.
_SLOWEST = 4096
# Headers, frames of chunks and a body that compression made longer, beyond what a body may have.
_BESIDE = 1 << 20
_OPENED = (".connect_tcp.complete", ".start_tls.complete")


class Pace:
    """What one request may cost: a trace of httpcore, which shows it each new connection.

    Args:
        patience: seconds for the whole; more where much arrives. limit: bytes of the body.
    """

    def __init__(self, url: str, patience: float, limit: int) -> None:
        self._url, self._patience, self._limit = url, patience, limit
        self._started, self._arrived = time.monotonic(), 0

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Every read of this thread counts."""
        _CURRENT.pace = self
        try:
            yield
        finally:
            _CURRENT.pace = None

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Has the reads of a connection counted, from the moment that it is open."""
        if event.endswith(_OPENED):
            _count(info["return_value"])

    def check(self, more: int = 0) -> None:
        """Raises UnknownError: ``index-unreachable`` (too slow), ``index-too-large``."""
        self._arrived += more
        if self._arrived > self._limit + _BESIDE:
            raise too_large(self._url, self._limit)
        if time.monotonic() - self._started > self._patience + self._arrived / _SLOWEST:
            raise _too_slow(self._url, self._arrived)


class _Current(threading.local):
    pace: Pace | None = None


_CURRENT = _Current()


def _count(stream: Any) -> None:
    read = stream.read

    def counted(*args: Any, **kwargs: Any) -> bytes:
        data: bytes = read(*args, **kwargs)
        if _CURRENT.pace is not None:
            _CURRENT.pace.check(len(data))
        return data

    stream.read = counted


def too_large(url: str, limit: int) -> UnknownError:
    """``index-too-large``, with the limit in whole MiB."""
    message = f"the answer is larger than {limit >> 20} MiB"
    return UnknownError("index-too-large", message, origin=redact(url))


def _too_slow(url: str, arrived: int) -> UnknownError:
    return UnknownError(
        "index-unreachable",
        f"{origin(url)} is too slow: {arrived} bytes of an answer, and no end",
        origin=redact(url),
        hint="try again later, or use --offline with what the cache holds",
    )
