"""``--find-links``: flat HTML pages and folders, whose files join those of the index."""

from __future__ import annotations

import json
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from torchsolve.errors import UsageError
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.credentials import redact, split_auth
from torchsolve.index.freshness import conditions, freshness, offline_miss, storable, usable
from torchsolve.index.http import Http, raise_for_status
from torchsolve.index.listing import RawFile, distill, local_files, read_page
from torchsolve.index.page import page_files
from torchsolve.index.pages import PAGE_LIMIT
from torchsolve.index.settings import IndexSettings
from torchsolve.model.package import IndexPage
from torchsolve.model.trace import unwatched
from torchsolve.wheel.archive import sha256_of


class FlatPages:
    """Reads flat lists of files; may be used by many threads."""

    def __init__(self, settings: IndexSettings, http: Http, cache: Cache) -> None:
        self._settings, self._http, self._cache = settings, http, cache

    def read(self, location: str, name: NormalizedName) -> IndexPage:
        """The files of a project at ``location``, a URL of an HTML page or a folder.

        Raises UnknownError as ``Pages.read`` does;
        UsageError("no-such-folder") for a folder that is none.
        """
        kind = f"links/{sha256(redact(location).encode()).hexdigest()[:16]}"
        self._cache.touch(kind, name)
        entry = self._cache.through(kind, name, partial(self._entry, location, name))
        label, prefix, notes = (entry.head[key] for key in ("label", "prefix", "notes"))
        found = page_files(name, label, entry.body, prefix, self._settings.exclude_newer)
        return IndexPage(name, tuple(found), tuple(notes))

    def _entry(self, location: str, name: NormalizedName) -> Entry:
        if "://" in location and not location.startswith("file:"):
            files, label = self._remote(location), redact(location)
        else:
            path = unquote(urlsplit(location).path) if "://" in location else location
            files, label = _folder(Path(path), name), "find-links"
        listing = distill(name, files)
        head = {"label": label, "prefix": listing.prefix, "notes": list(listing.notes)}
        return Entry(head, listing.text)

    def _remote(self, location: str) -> list[RawFile]:
        url = split_auth(location)[0]
        key = sha256(url.encode()).hexdigest()[:32]
        cached = self._cache.read("flat", key)
        if cached is None or not usable(cached, self._settings):
            cached = self._ask(url, key, cached)
        files: list[RawFile] = json.loads(cached.body)
        return files

    def _ask(self, url: str, key: str, cached: Entry | None) -> Entry:
        if self._settings.offline:
            raise offline_miss(f"the page {redact(url)}", redact(url))
        response = self._http.get(url, limit=PAGE_LIMIT, headers=conditions(cached))
        if response.status == 304 and cached is not None:
            entry = Entry({**cached.head, **freshness(response)}, cached.data)
        else:
            raise_for_status(response.status, response.url)
            body = json.dumps(read_page(response)[0])
            entry = Entry({"dated": False, **freshness(response)}, body)
        if storable(response):
            self._cache.write("flat", key, entry)
        return entry


def _folder(path: Path, name: NormalizedName) -> list[RawFile]:
    if not path.is_dir():
        raise UsageError(
            "no-such-folder",
            "there is no such folder to find links in",
            origin=str(path),
            hint="make it, or take its --find-links away",
        )
    unwatched()
    stem = name.partition("-")[0]
    # Hashes are made for this project alone: a folder may hold gigabytes of others.
    found = (p for p in sorted(path.iterdir()) if p.name.lower().startswith(stem) and p.is_file())
    return local_files(str(path.resolve()), ((p.name, sha256_of(p)) for p in found))
