"""The index client: what the other rooms see of package indexes.

In: names and files. Out: pages and metadata, cached on disk and in memory, fetched at the same time
where they are known ahead. Which index serves which name:

- a name of the torch family, with a torch index set: that index alone;
- any other: the first further index that has it, else the default one;
- ``find_links`` add their files to either.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import IO, Self, TypeVar, cast

from packaging.utils import NormalizedName, canonicalize_name

from torchsolve.errors import TorchsolveError
from torchsolve.index.cache import Cache
from torchsolve.index.credentials import Credentials, redact
from torchsolve.index.flat import FlatPages
from torchsolve.index.http import Http
from torchsolve.index.metadata import MetadataReader
from torchsolve.index.pages import Index, Pages
from torchsolve.index.settings import IndexSettings
from torchsolve.model.package import DistMetadata, IndexFile, IndexPage

T = TypeVar("T")
LARGEST_FILE = 8 * 2**30


class IndexClient:
    """Pages and metadata of packages; thread-safe; nothing is asked for twice.

    Use as a context manager, or ``close`` it. An error stays the answer of this client: what failed
    in a prefetch is raised where it is asked for, without a second attempt.
    """

    def __init__(self, settings: IndexSettings) -> None:
        self.settings = settings
        urls = [settings.default_url, settings.torch_url, *settings.extra, *settings.find_links]
        self._http = Http(settings, Credentials(tuple(url for url in urls if url)))
        cache = Cache(settings.cache_dir)
        self._pages = Pages(settings, self._http, cache)
        self._flat = FlatPages(settings, self._http, cache)
        self._metadata = MetadataReader(settings, self._http, cache)
        self._answers: dict[object, Future[object]] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._http.requests

    @property
    def received(self) -> int:
        """Bytes of answers so far."""
        return self._http.received

    def page(self, name: str) -> IndexPage:
        """The page of a project; without files where no index has it.

        Raises:
            UnknownError: ``offline-miss``, ``index-unreachable``, ``index-forbidden``,
                ``index-error``, ``index-too-large``, ``bad-index-page``.
        """
        normalized = canonicalize_name(name)
        return self._once(("page", normalized), lambda: self._read_page(normalized))

    def metadata(self, file: IndexFile) -> DistMetadata:
        """Core metadata of a file.

        Raises:
            UnknownError: what ``page`` raises; ``no-static-metadata``, ``hash-mismatch``,
                ``bad-metadata``, ``not-a-wheel``, ``not-an-sdist``, ``cache-not-writable``.
        """
        key = ("metadata", file.sha256 or file.url, file.filename)
        return self._once(key, lambda: self._metadata.read(file))

    def prefetch(self, names: Iterable[str]) -> None:
        """Begins to read these pages; returns at once and raises nothing."""
        for name in names:
            self._begin(("page", canonicalize_name(name)), self.page, name)

    def prefetch_metadata(self, files: Iterable[IndexFile]) -> None:
        """Begins to read the metadata of these files; returns at once and raises nothing."""
        for file in files:
            self._begin(("metadata", file.sha256 or file.url, file.filename), self.metadata, file)

    def download(self, url: str, target: IO[bytes]) -> int:
        """Writes a file whole into ``target``; its size in bytes. Raises what ``page`` raises."""
        return self._http.download(url, target, limit=LARGEST_FILE)

    def close(self) -> None:
        """Drops what has not begun and closes the connections."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read_page(self, name: NormalizedName) -> IndexPage:
        found = self._read_index_page(name)
        flat = [self._flat.read(location, name) for location in self.settings.find_links]
        files = [file for page in (*flat, found) for file in page.files]
        if len(files) == len(found.files):
            return found
        files.sort(key=lambda file: file.version, reverse=True)
        return IndexPage(name, tuple(files), tuple(n for p in (*flat, found) for n in p.notes))

    def _read_index_page(self, name: NormalizedName) -> IndexPage:
        for index in self._indexes(name):
            page = self._pages.read(index, name)
            if page is not None:
                return page
        return IndexPage(name, ())

    def _indexes(self, name: NormalizedName) -> list[Index]:
        settings = self.settings
        if settings.torch_url is not None and name in settings.torch_family:
            return [Index("torch", settings.torch_url)]
        extra = [Index(redact(url), url) for url in settings.extra]
        return [*extra, Index("default", settings.default_url)]

    def _once(self, key: object, work: Callable[[], T]) -> T:
        with self._lock:
            answer = self._answers.get(key)
            ours = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if ours:
            try:
                answer.set_result(work())
            except BaseException as error:
                if not isinstance(error, TorchsolveError):
                    self._answers.pop(key, None)
                answer.set_exception(error)
                raise
        return cast("T", answer.result())

    def _begin(self, key: object, work: Callable[[T], object], argument: T) -> None:
        # Offline there is nothing to wait for: threads would only cost time.
        if self.settings.offline or key in self._answers:
            return
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.settings.connections, "index")
            self._pool.submit(_quietly, work, argument)


def _quietly(work: Callable[[T], object], argument: T) -> None:
    with suppress(TorchsolveError):
        work(argument)
