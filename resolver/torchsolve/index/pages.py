"""Project pages of one index: from the cache while that is fresh, else from the server."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from torchsolve.defaults import default_index_url
from torchsolve.digests import sha256
from torchsolve.errors import UnknownError
from torchsolve.facts import load_facts
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.chosen import Chosen, about_page, folder_name
from torchsolve.index.compiled import Compiled
from torchsolve.index.credentials import Auth, Credentials, redact, split_auth
from torchsolve.index.freshness import conditions, freshness, offline_miss, storable, usable
from torchsolve.index.http import Http, Response, raise_for_status
from torchsolve.index.once import Once
from torchsolve.index.page import page_files
from torchsolve.index.settings import IndexSettings
from torchsolve.model.choice import Choices, Chooser
from torchsolve.model.package import IndexPage
from torchsolve.model.values import dataclass

if TYPE_CHECKING:
    from torchsolve.index.listing import Listing

PAGE_LIMIT = 64 * 1024 * 1024
_HEAD = frozenset(("about", "dated", "digest", "fetched", "lifetime", "missing", "notes", "prefix"))


@dataclass(frozen=True, slots=True)
class Index:
    """One index.

    Attributes:
        label: ``default``, ``torch``, or its URL without credentials.
        url: root of its simple API; None for pip's default index.
    """

    label: str
    url: str | None


class Pages:
    """Reads project pages; may be used by many threads."""

    def __init__(
        self,
        settings: IndexSettings,
        http: Http,
        cache: Cache,
        once: Once,
        credentials: Credentials,
        *,
        needs: bool = True,
    ) -> None:
        """``needs``: what METADATA says may be kept with pages, see ``Compiled``."""
        self._settings, self._http, self._cache, self._once = settings, http, cache, once
        self._chosen = Chosen(cache)
        self._compiled = Compiled(cache, needs=needs) if cache.transparent else None
        # One at a time: a page of 40 MB makes values of 200, and threads would gain nothing.
        self._parsing = Lock()
        self._credentials = credentials

    def read(self, index: Index, name: NormalizedName, *, whole: bool = False) -> IndexPage | None:
        """The page of a project on this index; None where the index does not have it.

        ``whole``: files that are newer than the cut-off too.

        Raises:
            UnknownError: ``offline-miss``, ``index-unreachable``, ``index-forbidden``,
                ``index-error``, ``index-too-large``, ``bad-index-page``.
        """
        entry = self.entry(index, name)
        if entry.head["missing"]:
            return None
        return self._page(index, name, entry, whole=whole)

    def choices(self, index: Index, name: NormalizedName, chooser: Chooser) -> Choices | None:
        """What may be chosen of a page; None where the index does not have it.

        Raises UnknownError as ``read`` does.
        """
        folder = self._chosen_folder(index, chooser)
        if self._compiled is None:
            return self._choose(index, name, folder, chooser, self.entry(index, name))
        head = self._known(self._compiled, index, name, folder)
        if head is not None:
            again = partial(self._again, index, name, folder, chooser, head)
            return self._compiled.open(folder, name, index.label, again)
        entry = self.entry(index, name)
        found = self._choose(index, name, folder, chooser, entry)
        self._compiled.add(folder, name, entry, found)
        return found

    def at_hand(self, index: Index, name: NormalizedName, chooser: Chooser) -> bool | None:
        """Whether ``choices`` are known without the page; None: they are, and there is no page."""
        if self._compiled is None:
            return False
        head = self._known(self._compiled, index, name, self._chosen_folder(index, chooser))
        return False if head is None else None if head.head["missing"] else True

    def _chosen_folder(self, index: Index, chooser: Chooser) -> str:
        key = f"{self._settings.exclude_newer} {chooser.key}"
        return folder_name(key, self._folder(index))

    def _known(
        self, compiled: Compiled, index: Index, name: NormalizedName, folder: str
    ) -> Entry | None:
        """The head of the page, if what was learnt of it holds still."""
        stamp = self._cache.stamp(f"pages/{self._folder(index)}", name)
        head = compiled.head(folder, name, stamp)
        return head if head is not None and usable(head, self._settings) else None

    def _again(
        self, index: Index, name: NormalizedName, folder: str, chooser: Chooser, head: Entry
    ) -> Choices:
        """What a record was made from. Raises UnknownError ``cache-changed``."""
        entry = self.entry(index, name)
        found = self._choose(index, name, folder, chooser, entry)
        if found is None or entry.head["digest"] != head.head["digest"]:
            message = "another run found a newer page while this one was reading the old one"
            raise UnknownError("cache-changed", message, origin=name, hint="run it again")
        return found

    def _choose(
        self, index: Index, name: NormalizedName, folder: str, chooser: Chooser, entry: Entry
    ) -> Choices | None:
        if entry.head["missing"]:
            return None
        kept = self._chosen.read(folder, name, index.label, entry)
        if kept is not None:
            return kept
        page = self._page(index, name, entry, whole=False)
        return self._chosen.keep(folder, index.label, entry, page, chooser)

    def flush(self) -> None:
        """Keeps what was learnt of the choices."""
        if self._compiled is not None:
            self._compiled.flush()

    def _page(self, index: Index, name: NormalizedName, entry: Entry, *, whole: bool) -> IndexPage:
        cutoff = None if whole else self._settings.exclude_newer
        files = page_files(name, index.label, entry.body, entry.head["prefix"], cutoff)
        return IndexPage(
            name, tuple(files), tuple(entry.head["notes"]), about_page(entry.head["about"])
        )

    def entry(self, index: Index, name: NormalizedName, *, ahead: bool = False) -> Entry:
        """The page as it is kept, asked for once. Raises UnknownError as ``read`` does.

        ``ahead``: nobody may come to need it.
        """
        read = partial(self._entry, index, name)
        kind = f"pages/{_key(_root(index), None)}"
        if not ahead:
            self._cache.touch(kind, name)
        return self._once.answer((index, name), lambda: self._cache.through(kind, name, read))

    def _entry(self, index: Index, name: NormalizedName) -> Entry:
        kind = f"pages/{self._folder(index)}"
        cached = self._cache.read(kind, name)
        if cached is not None and not cached.head.keys() >= _HEAD:
            cached = None
        if cached is not None and usable(cached, self._settings):
            return cached
        if index.url is not None and index.url.startswith("file:"):
            return _make_entry(_local_page(page_url(index, name), name))
        if self._settings.offline:
            raise offline_miss(f"the page of {name} on index {index.label}", name)
        return self._ask(index, name, cached)

    def _folder(self, index: Index) -> str:
        """Where pages of an index are kept: apart for each that we are there.

        What one password opened is not shown to another one, nor to none.
        """
        root = _root(index)
        if index.url is not None:
            self._credentials.add(index.url)
        auth = self._credentials.of(root)
        return "default" if index.url is None and auth is None else _key(root, auth)

    def _ask(self, index: Index, name: NormalizedName, cached: Entry | None) -> Entry:
        # Imported late, here and below: the cache gives what was distilled before.
        from torchsolve.index.listing import ACCEPT, read_listing

        headers = {"Accept": ACCEPT, **conditions(cached)}
        response = self._http.get(page_url(index, name), limit=PAGE_LIMIT, headers=headers)
        if response.status == 304 and cached is not None:
            entry = Entry({**cached.head, **freshness(response)}, cached.data)
        elif _is_missing(index, response):
            entry = _make_entry(None, response)
        else:
            raise_for_status(response.status, response.url)
            with self._parsing:
                entry = _make_entry(read_listing(name, response), response)
        if storable(response):
            # Where the answer belongs is known now: a keyring may have been asked on the way.
            self._cache.write(f"pages/{self._folder(index)}", name, entry)
        return entry


@lru_cache(maxsize=64)
def _key(root: str, auth: Auth | None) -> str:
    if auth is None:
        return sha256(root.encode()).hexdigest()[:16]
    from hashlib import pbkdf2_hmac

    # Slow on purpose: the name of a folder must not let a password be guessed.
    secret = "\0".join(auth).encode()
    return pbkdf2_hmac("sha256", secret, root.encode(), 100_000, dklen=16).hex()


def page_url(index: Index, name: str) -> str:
    """Where a project's page is."""
    return f"{_root(index)}{name}/"


def _root(index: Index) -> str:
    if index.url is None:
        return default_index_url()
    return split_auth(index.url)[0].rstrip("/") + "/"


def _is_missing(index: Index, response: Response) -> bool:
    # torch's own index is a bucket that answers 403 for what it does not have.
    if response.status == 403:
        return index.label == "torch" or _is_torchs(index)
    return response.status == 404


def _is_torchs(index: Index) -> bool:
    """Whether a further index is torch's own, as the tables have it."""
    return urlsplit(_root(index)).hostname == urlsplit(load_facts().torch.index).hostname


def _make_entry(found: Listing | None, response: Response | None = None) -> Entry:
    from dataclasses import astuple

    from torchsolve.index.listing import Listing

    listing = found or Listing("", "", dated=True, notes=())
    data = listing.text.encode("utf-8", "replace")
    head = {
        "digest": sha256(listing.prefix.encode("utf-8", "replace") + b"\n" + data).hexdigest(),
        "missing": found is None,
        "prefix": listing.prefix,
        "dated": listing.dated,
        "notes": list(listing.notes),
        "about": list(astuple(listing.about)),
        **(freshness(response) if response else {}),
    }
    return Entry(head, data)


def _local_page(url: str, name: NormalizedName) -> Listing | None:
    from torchsolve.index.listing import read_listing

    path = Path(unquote(urlsplit(url).path)) / "index.html"
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise UnknownError("index-unreachable", why, origin=redact(url)) from None
    return read_listing(name, Response(200, url, {"content-type": "text/html"}, body))
