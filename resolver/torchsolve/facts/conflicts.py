"""Failures with a recognizable text, and weights whose access is known.

Tables: ``known_conflicts.toml``, ``build_failures.toml``, ``models.toml``.
"""

from __future__ import annotations

from torchsolve.facts.names import pattern
from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class KnownConflict:
    """A failure that a log shows, with its cause and fix; specific rows stand before generic ones.

    ``texts`` are real messages that ``regex`` must find itself in.
    """

    id: str
    kind: str
    regex: str
    cause: str
    fix: str
    fix_verified: bool
    texts: tuple[str, ...]
    issues: tuple[str, ...]
    note: str | None
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class BuildFailure:
    """Why an image does not build; ``texts`` are what ``regex`` must find itself in."""

    id: str
    regex: str
    cause: str
    fix: str
    texts: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A weight repository: ``gated`` is ``manual``, ``auto``, False, or None when unknown."""

    repo: str
    gated: str | bool | None
    mirror: str | None
    note: str | None
    verified: bool
    source: str


def parse_conflicts(table: Table) -> tuple[KnownConflict, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(_conflict(row) for row in table.rows("conflict"))


def _conflict(row: Row) -> KnownConflict:
    found = KnownConflict(
        row.text("id"),
        row.text("kind"),
        row.text("regex"),
        row.text("cause"),
        row.text("fix"),
        row.flag("fix_verified", default=True),
        row.texts("texts"),
        row.texts("issues"),
        row.maybe("note"),
        row.verified(),
        row.source(),
    )
    pattern(row, found.regex)
    row.done()
    return found


def parse_failures(table: Table) -> tuple[BuildFailure, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(_failure(row) for row in table.rows("failure"))


def _failure(row: Row) -> BuildFailure:
    found = BuildFailure(
        row.text("id"),
        row.text("regex"),
        row.text("cause"),
        row.text("fix"),
        row.texts("texts"),
        row.source(),
    )
    pattern(row, found.regex)
    row.done()
    return found


def parse_models(table: Table) -> tuple[ModelRow, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(_model(row) for row in table.rows("model"))


def parse_loader_ignores(table: Table) -> tuple[str, ...]:
    """Patterns of files, as ``fnmatch`` reads them. Raises UsageError ``bad-table``."""
    return tuple(_pattern(row) for row in table.rows("ignored"))


def _pattern(row: Row) -> str:
    found = row.text("pattern")
    row.source()
    row.done()
    return found


def _model(row: Row) -> ModelRow:
    gated = row.maybe("gated")
    if gated not in ("manual", "auto", "no", None):
        raise row.error(f"gated {gated!r} is none of manual, auto, no")
    found = ModelRow(
        row.text("repo"),
        False if gated == "no" else gated,
        row.maybe("mirror"),
        row.maybe("note"),
        row.verified(),
        row.source(),
    )
    row.done()
    return found
