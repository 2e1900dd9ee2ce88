"""What a target can choose of each page, kept beside the pages.

A page may list thousands of files, and a target can use one a version: choosing again in each run
would be most of an offline run. An entry names the listing that it was made from, by its hash, and
its folder names what else the choice depends on; one of them changed, and it is made again. What
a solver finds out about the choices is kept apart (``compiled``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from packaging.utils import NormalizedName

from torchsolve import __version__
from torchsolve.digests import sha256
from torchsolve.index.cache import Cache, Entry
from torchsolve.index.page import file_row, row_file, row_outline
from torchsolve.model.choice import Choice, Choices, Chooser, PageRemarks
from torchsolve.model.package import IndexFile, IndexPage, PageFacts

_HEAD = frozenset(("of", "prefix", "notes", "about", "undated", "refused"))
# Between the rows of a choice: white space of a page's fields is made plain, so no row holds it.
_AND = "\f"


class Chosen:
    """Reads and keeps choices; may be used by many threads."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def read(self, folder: str, name: NormalizedName, label: str, page: Entry) -> Choices | None:
        """The choices that were made from this page in this ``folder``; None where none were."""
        kept = self._cache.read(f"chosen/{folder}", name)
        if kept is None or not kept.head.keys() >= _HEAD or kept.head["of"] != page.head["digest"]:
            return None
        return _opened(name, label, kept)

    def keep(
        self, folder: str, label: str, page: Entry, files: IndexPage, chooser: Chooser
    ) -> Choices:
        """What is chosen of a page, to be read by later runs too."""
        prefix: str = page.head["prefix"]
        head = {
            "of": page.head["digest"],
            "prefix": prefix,
            "notes": page.head["notes"],
            "about": page.head["about"],
            "undated": [] if page.head["dated"] else PageRemarks.of(files).undated,
            "refused": chooser.refused(files.files),
        }
        lines = (choice_line(choice, prefix) for choice in chooser.choose(files.files))
        entry = Entry(head, "\n".join(lines))
        self._cache.write(f"chosen/{folder}", files.name, entry)
        return _opened(files.name, label, entry)


def _opened(name: NormalizedName, label: str, entry: Entry) -> Choices:
    lines = entry.body.split("\n") if entry.data else []
    head = entry.head
    prefix: str = head["prefix"]
    return Choices(
        page_remarks(name, head),
        len(lines),
        lambda at: line_choice(name, label, lines[at], prefix),
        outlines=lambda: [row_outline(line) for line in lines],
    )


def page_remarks(name: NormalizedName, head: Mapping[str, Any]) -> PageRemarks:
    """What the head of an entry keeps of a page beside its files."""
    notes, undated = tuple(head["notes"]), tuple(head["undated"])
    refused = tuple((version, python) for version, python in head["refused"])
    return PageRemarks(name, notes, about_page(head["about"]), undated, refused)


def about_page(kept: Iterable[Any]) -> PageFacts:
    """What the head of an entry keeps of the page itself."""
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in kept]
    return PageFacts(*values)


@lru_cache(maxsize=256)
def folder_name(key: str, index: str) -> str:
    """Where choices are kept: by what they depend on beside the page, and the page's own folder."""
    return f"{sha256(f'{__version__} {key}'.encode()).hexdigest()[:16]}-{index}"


def choice_line(choice: Choice, prefix: str) -> str:
    """A choice as a line of text."""
    rows = [file_row(choice.file, prefix)]
    if choice.metadata_file is not None:
        rows.append(file_row(choice.metadata_file, prefix))
    return _AND.join(rows)


def line_choice(name: NormalizedName, label: str, line: str, prefix: str) -> Choice:
    """``choice_line`` backwards; ``label`` is of the index."""
    files: list[IndexFile] = [row_file(name, label, row, prefix) for row in line.split(_AND)]
    return Choice(files[0], files[1] if len(files) > 1 else None)
