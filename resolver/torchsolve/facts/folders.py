"""ComfyUI's model folders by day (``matrices/folders.toml``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A category of ``folder_paths`` while it was searched in these folders.

    Attributes:
        folders: relative to ComfyUI's root, in the order in which they are searched.
        suffixes: of the files that a listing shows; empty: it shows all.
        until: the first day without it, None where it is there still.
    """

    name: str
    folders: tuple[str, ...]
    suffixes: tuple[str, ...]
    since: dt.date
    until: dt.date | None
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class AliasRow:
    """An old name that is looked up as another category."""

    name: str
    category: str
    since: dt.date
    source: str


@dataclass(frozen=True, slots=True)
class FolderTable:
    """Categories and old names."""

    categories: tuple[FolderRow, ...]
    aliases: tuple[AliasRow, ...]

    def on(self, day: dt.date | None) -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Category → folders and suffixes, old names too; None: as it is now."""
        found = {
            row.name: (row.folders, row.suffixes)
            for row in self.categories
            if (day is None or row.since <= day)
            and (row.until is None or (day is not None and day < row.until))
        }
        for alias in self.aliases:
            if (day is None or alias.since <= day) and alias.category in found:
                found[alias.name] = found[alias.category]
        return found


def parse_folders(table: Table) -> FolderTable:
    """Raises UsageError ``bad-table``."""
    weights = tuple(table.mapping("weights").get("suffixes", "").split())
    categories = tuple(_category(row, weights) for row in table.rows("category"))
    return FolderTable(categories, tuple(_alias(row) for row in table.rows("alias")))


def _category(row: Row, weights: tuple[str, ...]) -> FolderRow:
    said = row.words("suffixes")
    since = row.day("since")
    if since is None:
        raise row.error("has no since")
    found = FolderRow(
        row.text("name"),
        row.words("folders"),
        weights if said == ("weights",) else tuple(s for s in said if s.startswith(".")),
        since,
        row.day("until"),
        row.verified(),
        row.source(),
    )
    row.done()
    return found


def _alias(row: Row) -> AliasRow:
    since = row.day("since")
    if since is None:
        raise row.error("has no since")
    found = AliasRow(row.text("name"), row.text("category"), since, row.source())
    row.done()
    return found
