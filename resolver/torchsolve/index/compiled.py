"""The compiled problem: what earlier runs learnt of the pages of one target, in one file.

Of each page: how many choices there are, the bit sets of specifiers over them, what the METADATA of
some says, and the rows of those that somebody looked at. That is all that a solve asks for as long
as it stays among what was asked before, so that neither pages nor METADATA are opened. Anything
else is read from the page (``pages``), for that package alone.

A page is known by the file that holds it (``Cache.stamp``): a file is never changed in place. What
a record depends on beside its page names the file that it is in, see ``chosen.folder_name``.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from threading import Lock
from typing import Any, TypeVar

from packaging.utils import NormalizedName

from torchsolve.index.cache import Cache, Entry, Stamp
from torchsolve.index.chosen import choice_line, line_choice, page_remarks
from torchsolve.model.choice import Choice, Choices, KeptNeeds
from torchsolve.model.values import dataclass

K = TypeVar("K")
V = TypeVar("V")

_KIND = f"compiled/{sys.implementation.cache_tag}"
_HEAD = ("about", "dated", "digest", "fetched", "lifetime", "missing", "notes", "prefix")
# Of a file: those that the last run used stay, then as many of the others as there is room for.
MOST_BYTES = 4 << 20
# Of a page.
_MOST_MASKS = 256
_MOST_NEEDS = 256
_MOST_ROWS = 64
# Each cut-off date makes files of its own: the newest are kept.
_MOST_FILES = 64

Fallback = Callable[[], Choices]
# Stamp and head of a page, number of choices, bit sets, needs and rows.
Record = tuple[Stamp, dict[str, Any], int, dict[str, int], dict[int, KeptNeeds], dict[int, str]]


@dataclass(slots=True)
class _Page:
    """A page of this run; ``choices`` None: there is none. ``rows``: those that are kept already.

    ``known``: how much was known of it at first.
    """

    stamp: Stamp
    head: dict[str, Any]
    choices: Choices | None
    rows: dict[int, str]
    known: int = -1

    def has_news(self) -> bool:
        """Whether this run learnt anything of it."""
        return self.known < _learnt(self.choices) or (
            self.choices is not None
            and len(self.rows) < _MOST_ROWS
            and any(position not in self.rows for position, _ in self.choices.made())
        )

    def record(self) -> Record:
        """What is to be kept."""
        choices = self.choices
        if choices is None:
            return (self.stamp, self.head, 0, {}, {}, {})
        made = {i: choice_line(choice, self.head["prefix"]) for i, choice in choices.made()}
        rows = _some(self.rows | made, _MOST_ROWS)
        needs = _some(choices.needs or {}, _MOST_NEEDS)
        return (self.stamp, self.head, len(choices), _some(choices.masks, _MOST_MASKS), needs, rows)


class Compiled:
    """Reads and keeps compiled problems; may be used by many threads."""

    def __init__(self, cache: Cache, *, needs: bool) -> None:
        """``needs``: what METADATA says may be kept; not where a build may have told it."""
        self._cache, self._needs = cache, needs
        self._files: dict[str, _File] = {}
        self._used: dict[tuple[str, NormalizedName], _Page] = {}
        self._lock = Lock()

    def head(self, folder: str, name: NormalizedName, stamp: Stamp | None) -> Entry | None:
        """Head of the page that a record was made from; None where that is another page."""
        with self._lock:
            file = self._files.get(folder)
            if file is None:
                file = self._files[folder] = _File(self._cache.read(_KIND, folder))
            record = file.record(name) if stamp is not None else None
        return Entry(record[1], b"") if record is not None and record[0] == stamp else None

    def open(
        self, folder: str, name: NormalizedName, label: str, otherwise: Fallback
    ) -> Choices | None:
        """The choices of a record whose ``head`` was found; None: the index has no such page.

        ``otherwise``: reads them from the page, where something is asked that is not kept.
        """
        with self._lock:
            record = self._files[folder].record(name)
        assert record is not None  # noqa: S101 - it has a head
        stamp, head, count, masks, needs, rows = record
        if head["missing"]:
            return None
        page = page_remarks(name, head)
        whole = lru_cache(maxsize=1)(otherwise)

        def make(position: int) -> Choice:
            row = rows.get(position)
            return whole()[position] if row is None else line_choice(name, label, row, prefix)

        prefix: str = head["prefix"]
        kept = needs if self._needs else None
        found = Choices(page, count, make, masks, lambda: whole().outlines(), kept)
        self._keep(folder, name, _Page(stamp, head, found, rows, _learnt(found)))
        return found

    def add(self, folder: str, name: NormalizedName, page: Entry, found: Choices | None) -> None:
        """Lets what this run learns of a page be kept. ``found`` None: there is no such page."""
        if page.stamp is None:
            return
        head = {key: page.head[key] for key in _HEAD}
        head["undated"] = found.page.undated if found is not None else ()
        head["refused"] = found.page.refused if found is not None else ()
        if found is not None and self._needs:
            found.needs = {}
        self._keep(folder, name, _Page(page.stamp, head, found, {}))

    def _keep(self, folder: str, name: NormalizedName, page: _Page) -> None:
        with self._lock:
            self._used[folder, name] = page

    def flush(self) -> None:
        """Keeps what was learnt since."""
        with self._lock:
            used, self._used = self._used, {}
        folders: dict[str, dict[str, _Page]] = {}
        for (folder, name), page in used.items():
            folders.setdefault(folder, {})[name] = page
        for folder, pages in folders.items():
            if any(page.has_news() for page in pages.values()):
                self._write(folder, pages)

    def _write(self, folder: str, pages: dict[str, _Page]) -> None:
        # Another run may have written meanwhile: what it learnt of other pages stays.
        there = _File(self._cache.read(_KIND, folder))
        names: dict[str, tuple[int, int]] = {}
        parts: list[bytes] = []
        size = 0
        for name in (*pages, *(name for name in there.names if name not in pages)):
            page = pages.get(name)
            old = name in there.names and (page is None or not page.has_news())
            part = there.part(name) if page is None or old else marshal.dumps(page.record())
            if size + len(part) <= MOST_BYTES:
                names[name] = (size, len(part))
                parts.append(part)
                size += len(part)
        self._cache.write(_KIND, folder, Entry({"names": names}, b"".join(parts)))
        if not there.names:
            self._cache.trim(_KIND, _MOST_FILES)


class _File:
    """A file as it was read; a record of it is taken apart when it is looked at."""

    def __init__(self, entry: Entry | None) -> None:
        self._data = entry.data if entry is not None else b""
        self.names: dict[str, list[int]] = entry.head.get("names", {}) if entry is not None else {}
        self._records: dict[str, Record] = {}

    def record(self, name: str) -> Record | None:
        """The record of a page; None where there is none."""
        found = self._records.get(name)
        if found is None and name in self.names:
            found = self._records[name] = marshal.loads(self.part(name))  # noqa: S302 - our own
        return found

    def part(self, name: str) -> bytes:
        """The record of a page as it is written."""
        start, size = self.names[name]
        return self._data[start : start + size]


def _learnt(choices: Choices | None) -> int:
    """How much is known of a page, rows apart."""
    if choices is None:
        return 0
    needs = (choices.needs or {}).values()
    return len(choices.masks) + sum(1 + len(kept[-1]) for kept in needs)


def _some(things: dict[K, V], most: int) -> dict[K, V]:
    return things if len(things) <= most else dict(islice(things.items(), most))
