"""What a target can choose of each page, kept beside the pages.

A page may list thousands of files, and a target can use one a version: choosing again in each run
would be most of an offline run. An entry names the listing that it was made from, by its hash, and
its folder names what else the choice depends on; one of them changed, and it is made again.

Bit sets of specifiers that a solver found over the choices are kept with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from typing import Any

from packaging.utils import NormalizedName

from torchsolve import __version__
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.page import file_row, row_file, row_outline
from torchsolve.model.choice import Choice, Choices, PageRemarks
from torchsolve.model.package import IndexFile, IndexPage, PageFacts

# A listing changes little from day to day; what was asked of it years ago need not stay.
_MOST_MASKS = 256
_HEAD = frozenset(("of", "prefix", "notes", "about", "undated", "masks"))
# Between the rows of a choice: white space of a page's fields is made plain, so no row holds it.
_AND = "\f"


class Chosen:
    """Reads and keeps choices; may be used by many threads."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._open: list[tuple[str, NormalizedName, dict[str, Any], list[str], Choices]] = []
        self._lock = Lock()

    def read(self, folder: str, name: NormalizedName, label: str, page: Entry) -> Choices | None:
        """The choices that were made from this page in this ``folder``; None where none were."""
        kept = self._cache.read(folder, name)
        if kept is None or not kept.head.keys() >= _HEAD or kept.head["of"] != page.head["digest"]:
            return None
        return self._opened(folder, name, label, kept)

    def keep(
        self, folder: str, label: str, page: Entry, files: IndexPage, found: Sequence[Choice]
    ) -> Choices:
        """The same choices, to be read by later runs."""
        prefix: str = page.head["prefix"]
        head = {
            "of": page.head["digest"],
            "prefix": prefix,
            "notes": page.head["notes"],
            "about": page.head["about"],
            "undated": [] if page.head["dated"] else PageRemarks.of(files).undated,
            "masks": {},
        }
        entry = Entry(head, "\n".join(_line(choice, prefix) for choice in found))
        self._cache.write(folder, files.name, entry)
        return self._opened(folder, files.name, label, entry)

    def flush(self) -> None:
        """Keeps the bit sets that were found since."""
        with self._lock:
            opened, self._open = self._open, []
        for folder, name, head, lines, choices in opened:
            if len(head["masks"]) < len(choices.masks) <= _MOST_MASKS:
                masks = {text: f"{mask:x}" for text, mask in choices.masks.items()}
                self._cache.write(folder, name, Entry({**head, "masks": masks}, "\n".join(lines)))

    def _opened(self, folder: str, name: NormalizedName, label: str, entry: Entry) -> Choices:
        lines = entry.body.split("\n") if entry.data else []
        prefix: str = entry.head["prefix"]
        masks = {text: int(mask, 16) for text, mask in entry.head["masks"].items()}
        head = entry.head
        page = PageRemarks(
            name, tuple(head["notes"]), about_page(head["about"]), tuple(head["undated"])
        )
        found = Choices(
            page,
            len(lines),
            lambda at: _choice(name, label, lines[at], prefix),
            masks,
            lambda: [row_outline(line) for line in lines],
        )
        with self._lock:
            self._open.append((folder, name, head, lines, found))
        return found


def about_page(kept: Iterable[Any]) -> PageFacts:
    """What the head of an entry keeps of the page itself."""
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in kept]
    return PageFacts(*values)


@lru_cache(maxsize=256)
def folder_name(key: str, index: str) -> str:
    """Where choices are kept: by what they depend on beside the page, and the page's own folder."""
    return f"chosen/{sha256(f'{__version__} {key}'.encode()).hexdigest()[:16]}-{index}"


def _line(choice: Choice, prefix: str) -> str:
    rows = [file_row(choice.file, prefix)]
    if choice.metadata_file is not None:
        rows.append(file_row(choice.metadata_file, prefix))
    return _AND.join(rows)


def _choice(name: NormalizedName, label: str, line: str, prefix: str) -> Choice:
    files: list[IndexFile] = [row_file(name, label, row, prefix) for row in line.split(_AND)]
    return Choice(files[0], files[1] if len(files) > 1 else None)
