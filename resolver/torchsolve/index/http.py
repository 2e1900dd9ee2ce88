"""HTTP to indexes: one pool of connections, exact retries, bounded reads, clear errors.

httpx is imported at the first request: a run that the cache answers never pays for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING, TypeVar

from torchsolve.errors import UnknownError, UsageError
from torchsolve.index.credentials import Credentials, origin, redact
from torchsolve.index.settings import IndexSettings
from torchsolve.model.values import dataclass

if TYPE_CHECKING:
    import httpx

_TRANSIENT = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that was read whole. ``url``: where redirects led; header names in lower case."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class Http:
    """A client shared by threads.

    Attributes:
        requests: how many were sent, retries and redirects included.
        received: bytes of the bodies that were read.
    """

    def __init__(self, settings: IndexSettings, credentials: Credentials) -> None:
        self._settings = settings
        self._credentials = credentials
        self._lock = threading.Lock()
        self._closed = False
        self.requests = 0
        self.received = 0

    def get(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> Response:
        """GETs a URL of at most ``limit`` bytes; every status that is not transient is an answer.

        Raises:
            UnknownError: ``index-unreachable``, ``index-error`` (transient to the last attempt),
                ``index-too-large``; ``offline-miss`` in an offline client.
        """

        from torchsolve.index.pace import too_large

        def read(response: httpx.Response) -> Response:
            body = bytearray()
            for block in self._blocks(response):
                body += block
                if len(body) > limit:
                    raise too_large(url, limit)
            return Response(
                response.status_code, str(response.url), dict(response.headers), bytes(body)
            )

        return self._attempts(url, headers or {}, limit, read)

    def download(self, url: str, target: IO[bytes], *, limit: int) -> int:
        """GETs a file into ``target``, from its start; its size in bytes.

        Raises as ``get`` does; ``index-forbidden`` or ``index-error`` where it is not given.
        """

        from torchsolve.index.pace import too_large

        def read(response: httpx.Response) -> int:
            raise_for_status(response.status_code, str(response.url))
            target.seek(0)
            target.truncate()
            for block in self._blocks(response):
                target.write(block)
                if target.tell() > limit:
                    raise too_large(url, limit)
            return target.tell()

        return self._attempts(url, {}, limit, read)

    def close(self) -> None:
        """Closes the connections."""
        with self._lock:
            self._closed = True
            client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        from torchsolve.index.trust import tls_context

        _return_memory()
        limits = httpx.Limits(
            max_connections=self._settings.connections,
            max_keepalive_connections=self._settings.connections,
        )
        try:
            return httpx.Client(
                follow_redirects=True,
                limits=limits,
                timeout=httpx.Timeout(self._settings.timeout, pool=None),
                verify=tls_context(self._settings.ca_bundle),
                headers={"User-Agent": "torchsolve"},
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            # Of all that is given here the proxies of the environment alone are not checked yet.
            raise _bad_proxy(error) from None

    def _shared_client(self) -> httpx.Client:
        with self._lock:
            if self._closed:
                raise UnknownError("index-closed", "the client was closed")
            return self._client

    def _blocks(self, response: httpx.Response) -> Iterator[bytes]:
        for block in response.iter_bytes():
            with self._lock:
                self.received += len(block)
            yield block

    @contextmanager
    def _sent(self, url: str, headers: Mapping[str, str], limit: int) -> Iterator[httpx.Response]:
        from torchsolve.index.pace import Pace

        client = self._shared_client()
        pace = Pace(url, self._settings.patience, limit)
        # A user and password of httpx's own reach no other origin, not even by a redirect.
        auth = self._credentials.of(url)
        with (
            pace.kept(),
            client.stream(
                "GET", url, headers=dict(headers), auth=auth, extensions={"trace": pace.trace}
            ) as response,
        ):
            with self._lock:
                self.requests += 1 + len(response.history)
            yield response

    def _attempts(
        self,
        url: str,
        headers: Mapping[str, str],
        limit: int,
        read: Callable[[httpx.Response], T],
    ) -> T:
        if self._settings.offline:
            raise UnknownError("offline-miss", "no socket is opened offline", origin=redact(url))
        import httpx

        wait = self._settings.backoff
        for attempt in range(self._settings.retries + 1):
            last = attempt == self._settings.retries
            try:
                with self._sent(url, headers, limit) as response:
                    if response.status_code == 401 and self._credentials.from_keyring(url):
                        return self._again(url, headers, limit, read)
                    if response.status_code not in _TRANSIENT:
                        return read(response)
                    asked = _retry_after(response.headers.get("retry-after", ""))
                    if last:
                        raise _error(response.status_code, url)
            except httpx.TransportError as error:
                asked = None
                if last or isinstance(error, httpx.UnsupportedProtocol):
                    raise _unreachable(url, error) from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise _unreachable(url, error) from None
            time.sleep(min(_LONGEST_WAIT, wait if asked is None else asked))
            wait *= 2
        raise AssertionError("the last attempt returns or raises")

    def _again(
        self,
        url: str,
        headers: Mapping[str, str],
        limit: int,
        read: Callable[[httpx.Response], T],
    ) -> T:
        """Once more, with what the keyring knew."""
        with self._sent(url, headers, limit) as response:
            return read(response)


def _return_memory() -> None:
    """Lets the C library give large blocks back at once, and keep no heap for each thread.

    By default a few large pages, read by many threads, stay with the process for good: 60 MB more.
    The numbers are those of glibc's malloc.h; another C library has no such function.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        arena_max, mmap_threshold = -8, -3
        mallopt(arena_max, 1)
        mallopt(mmap_threshold, 128 * 1024)


def raise_for_status(status: int, url: str) -> None:
    """Raises for an answer that is no success: ``index-forbidden``, ``proxy-forbidden``, else
    ``index-error``."""
    if status == 407:
        raise UnknownError(
            "proxy-forbidden",
            "the proxy answered 407: it wants to know who asks",
            origin=redact(url),
            hint="HTTPS_PROXY=http://user:password@host:port (HTTP_PROXY for http) tells it",
        )
    if status in (401, 403):
        raise UnknownError(
            "index-forbidden",
            f"the index answered {status}",
            origin=redact(url),
            hint=f"give credentials for {origin(url)} in the URL or in ~/.netrc",
        )
    if status >= 400:
        raise _error(status, url)


def _error(status: int, url: str) -> UnknownError:
    return UnknownError(
        "index-error",
        f"the index answered {status}",
        origin=redact(url),
        hint="try again later, or use --offline with what the cache holds",
    )


def _bad_proxy(error: Exception) -> UsageError:
    needs = isinstance(error, ImportError)
    return UsageError(
        "bad-proxy",
        "a SOCKS proxy cannot be used without the package socksio"
        if needs
        else f"the proxy's address is none: {error}",
        origin="ALL_PROXY, HTTP_PROXY, HTTPS_PROXY",
        hint="pip install socksio, or name an http proxy" if needs else "http://host:port",
    )


def _unreachable(url: str, error: Exception) -> UnknownError:
    why = str(error).strip() or type(error).__name__
    return UnknownError(
        "index-unreachable",
        f"{origin(url)} cannot be reached: {why}",
        origin=redact(url),
        hint="check the network and the index's URL, or use --offline with what the cache holds",
    )


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header, in either of its forms (RFC 9110 section 10.2.3)."""
    if text.isdecimal():
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
