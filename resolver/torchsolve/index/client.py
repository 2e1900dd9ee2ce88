"""The index client: what the other rooms see of package indexes.

In: names and files. Out: pages and metadata, cached on disk and in memory, fetched at the same time
where they are known ahead. Which index serves which name:

- a name that was tied to an index: that one alone;
- a name of the torch family, with a torch index set: that index alone;
- any other: the first further index that has it, else the default one;
- ``find_links`` add their files to either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from packaging.utils import NormalizedName, canonicalize_name

from torchsolve.errors import UnknownError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.credentials import Credentials, redact, split_auth
from torchsolve.index.http import Http
from torchsolve.index.metadata import ARCHIVE_LIMIT, MetadataReader
from torchsolve.index.once import Once
from torchsolve.index.pages import Index, Pages, page_url
from torchsolve.index.settings import IndexSettings
from torchsolve.model.binary import WheelBinary
from torchsolve.model.choice import Choices, Chooser
from torchsolve.model.package import DistMetadata, IndexFile, IndexPage
from torchsolve.model.values import replace

if TYPE_CHECKING:
    from torchsolve.index.binaries import BinaryReader
    from torchsolve.index.hub import Hub
    from torchsolve.model.builder import MetadataBuilder


class IndexClient:
    """Pages and metadata of packages; thread-safe; nothing is asked for twice.

    Use as a context manager, or ``close`` it. An error stays the answer of this client: what failed
    in a prefetch is raised where it is asked for, without a second attempt.
    """

    def __init__(self, settings: IndexSettings, builder: MetadataBuilder | None = None) -> None:
        self.settings = settings
        self._credentials = Credentials(_urls(settings))
        self._http = Http(settings, self._credentials)
        self._cache = cache = _cache(settings)
        self._once = once = Once(settings.connections)
        self._pages = Pages(
            settings, self._http, cache, once, self._credentials, needs=builder is None
        )
        self._metadata = MetadataReader(settings, self._http, cache, builder)

    def with_torch(self, url: str | None, family: frozenset[str]) -> IndexClient:
        """The same client with another torch index: for another cell.

        Connections and all that was read are shared; closing either closes both.
        """
        other = object.__new__(IndexClient)
        other.__dict__.update(self.__dict__)
        other.settings = replace(self.settings, torch_url=url, torch_family=family)
        if url is not None:
            self._credentials.add(url)
        return other

    @property
    def hub(self) -> Hub:
        """The model hub, over the same connections and cache."""
        # Imported late, with pydantic: few runs ask for weights.
        from torchsolve.index.hub import Hub

        return Hub(self._http, self._cache, offline=self.settings.offline)

    @property
    def fetches(self) -> bool:
        """Whether anything is read ahead; offline there is nothing to wait for."""
        return not self.settings.offline

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
        return self._once.answer(self._page_key(normalized), partial(self._read_page, normalized))

    def choices(self, name: str, chooser: Chooser) -> Choices:
        """What may be chosen of a project's page; nothing where no index has it.

        Raises what ``page`` raises.
        """
        normalized = canonicalize_name(name)
        key = ("choices", chooser.key, self._page_key(normalized))
        return self._once.answer(key, partial(self._read_choices, normalized, chooser))

    def at_hand(self, name: NormalizedName, chooser: Chooser) -> bool:
        """Whether an earlier run kept what ``choices`` asks for, and it holds still."""
        if self.settings.find_links:
            return False
        known = (self._pages.at_hand(index, name, chooser) for index in self._indexes(name))
        return next((found for found in known if found is not None), False)

    def metadata(self, file: IndexFile) -> DistMetadata:
        """Core metadata of a file.

        Raises:
            UnknownError: what ``page`` raises; ``no-static-metadata``, ``hash-mismatch``,
                ``bad-metadata``, ``not-a-wheel``, ``not-an-sdist``, ``no-address``,
                ``file-not-readable``, ``cache-not-writable``.
        """
        self._metadata.touch(file)
        return self._once.answer(_file_key(file), partial(self._metadata.read, file))

    def read_remote(self, file: IndexFile, *, gpu: bool = False) -> WheelBinary:
        """The compiled files of a wheel; with their GPU code where that is asked for.

        Raises:
            UnknownError: what ``page`` raises; ``not-a-wheel``, ``hash-mismatch``, ``no-address``,
                ``cache-not-writable``.
        """
        key = ("binaries", gpu, file.sha256 or file.url, file.filename)
        return self._once.answer(key, partial(self._binaries.read, file, gpu=gpu))

    def kept_binary(self, file: IndexFile, *, gpu: bool = False) -> WheelBinary | None:
        """What is known of a wheel's files without asking anyone; None where nothing is."""
        return self._binaries.kept(file, gpu=gpu)

    def members(self, file: IndexFile, wanted: re.Pattern[str]) -> dict[str, bytes]:
        """Members of a wheel by their whole path. Raises as ``wheel_members.read_members``."""
        from torchsolve.index.wheel_members import read_members

        return read_members(self._http, self._cache, file, wanted)

    def modules(self, file: IndexFile) -> tuple[str, ...]:
        """Modules that a wheel brings, by the names of its members (``wheel.modules``).

        Raises UnknownError: what ``read_remote`` raises.
        """
        from torchsolve.index.modules import ModuleReader

        reader = ModuleReader(self.settings, self._http, self._cache)
        return self._once.answer(("modules", *_file_key(file)[1:]), partial(reader.read, file))

    def whole_page(self, name: str) -> IndexPage:
        """The page without the cut-off, to say what it hides. Raises what ``page`` raises."""
        normalized = canonicalize_name(name)
        for index in self._indexes(normalized):
            page = self._pages.read(index, normalized, whole=True)
            if page is not None:
                return page
        return IndexPage(normalized, ())

    def shadowed(self, name: str) -> str | None:
        """The label of an index behind the one that serves ``name``, and that has it too.

        None where there is none in reach, or where a page says that both are one project (PEP 708).
        """
        normalized = canonicalize_name(name)
        pages: list[tuple[Index, IndexPage]] = []
        for index in self._indexes(normalized):
            with suppress(UnknownError):
                page = self._pages.read(index, normalized)
                if page is not None:
                    pages.append((index, page))
        if len(pages) < 2 or any(_agree(pages[0], other) for other in pages[1:]):
            return None
        return pages[1][0].label

    def prefetch(self, names: Iterable[str]) -> None:
        """Begins to read these pages; returns at once and raises nothing."""
        # Offline there is nothing to wait for: threads would only cost time.
        for name in map(canonicalize_name, () if self.settings.offline else names):
            self._once.begin(("look", self._page_key(name)), partial(self._look, name))

    def prefetch_metadata(self, files: Iterable[IndexFile]) -> None:
        """Begins to read the metadata of these files; returns at once and raises nothing."""
        for file in () if self.settings.offline else files:
            self._once.begin(_file_key(file), partial(self._metadata.read, file))

    def told(self, kind: str, url: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``work`` finds out of a file at ``url``; a snapshot keeps it like what is read."""
        key = redact(url)
        self._cache.touch(kind, key)
        return self._cache.through(kind, key, lambda: Entry(work(), "")).head

    def download(self, url: str, target: IO[bytes]) -> int:
        """Writes a file whole into ``target``; its size in bytes. Raises what ``page`` raises."""
        return self._http.download(url, target, limit=ARCHIVE_LIMIT)

    def close(self) -> None:
        """Drops what has not begun and closes the connections."""
        self._once.close()
        self._pages.flush()
        self._cache.finish()
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

    @property
    def _binaries(self) -> BinaryReader:
        # Imported late: most runs are answered by names and METADATA.
        from torchsolve.index.binaries import BinaryReader

        return BinaryReader(self.settings, self._http, self._cache)

    def _page_key(self, name: NormalizedName) -> Hashable:
        return ("page", name, self._indexes(name))

    def _look(self, name: NormalizedName) -> None:
        """Reads what a page will be made from."""
        for index in self._indexes(name):
            if not self._pages.entry(index, name, ahead=True).head["missing"]:
                return

    def _read_choices(self, name: NormalizedName, chooser: Chooser) -> Choices:
        if not self.settings.find_links:
            for index in self._indexes(name):
                found = self._pages.choices(index, name, chooser)
                if found is not None:
                    return found
        page = self.page(name)
        return Choices.of(page, chooser)

    def _read_page(self, name: NormalizedName) -> IndexPage:
        found = self._read_index_page(name)
        flat = self._flat_pages(name)
        files = [file for page in (*flat, found) for file in page.files]
        if len(files) == len(found.files):
            return found
        files.sort(key=lambda file: file.version, reverse=True)
        notes = tuple(note for page in (*flat, found) for note in page.notes)
        return IndexPage(name, tuple(files), notes, found.about)

    def _flat_pages(self, name: NormalizedName) -> list[IndexPage]:
        if not self.settings.find_links:
            return []
        from torchsolve.index.flat import FlatPages

        flat = FlatPages(self.settings, self._http, self._cache)
        return [flat.read(location, name) for location in self.settings.find_links]

    def _read_index_page(self, name: NormalizedName) -> IndexPage:
        for index in self._indexes(name):
            page = self._pages.read(index, name)
            if page is not None:
                return page
        return IndexPage(name, ())

    def _indexes(self, name: NormalizedName) -> tuple[Index, ...]:
        settings = self.settings
        tied = next((url for package, url in settings.by_package if package == name), None)
        if tied is not None:
            return (Index(redact(tied), tied),)
        if settings.no_index:
            return ()
        if settings.torch_url is not None and name in settings.torch_family:
            return (Index("torch", settings.torch_url),)
        extra = (Index(redact(url), url) for url in settings.extra)
        return (*extra, Index("default", settings.default_url))


def _urls(settings: IndexSettings) -> tuple[str, ...]:
    """Every address that may bring credentials."""
    single = (settings.default_url, settings.torch_url)
    tied = (url for _, url in settings.by_package)
    return tuple(filter(None, (*single, *settings.extra, *settings.find_links, *tied)))


def _cache(settings: IndexSettings) -> Cache:
    if settings.snapshot is None and settings.from_snapshot is None:
        return Cache(settings.cache_dir)
    # Imported late: few runs record or replay.
    from torchsolve.index.snapshot import Recording, Replay

    if settings.from_snapshot is not None:
        return Replay(settings.cache_dir, settings.from_snapshot)
    assert settings.snapshot is not None  # noqa: S101 - one of the two is
    return Recording(settings.cache_dir, settings.snapshot)


def _agree(one: tuple[Index, IndexPage], other: tuple[Index, IndexPage]) -> bool:
    """Whether the pages say that they are one project: the one in front tracks the other,
    or the other names it among its alternate locations (PEP 708)."""
    (here, near), (there, far) = one, other
    tracked = _plain(page_url(there, far.name)) in map(_plain, near.about.tracks)
    return tracked or _plain(page_url(here, near.name)) in map(_plain, far.about.alternates)


def _plain(url: str) -> str:
    return split_auth(url)[0].rstrip("/").lower()


def _file_key(file: IndexFile) -> tuple[str, ...]:
    return ("metadata", file.sha256 or file.url or "", file.filename)
