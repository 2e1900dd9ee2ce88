"""How names, folders and pages say what a wheel was made for (``matrices/name_styles.toml``)."""

from __future__ import annotations

import re

from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass

KINDS = ("filename", "folder", "package", "page")


@dataclass(frozen=True, slots=True)
class NameExample:
    """One name seen in the wild and what it says; None where it says nothing.

    Attributes:
        style: the shape for people, ``+cuMMmtorchX.Y``.
        regexes: ids of the styles that match it; ``()`` when it says nothing.
        torch: specifier ``==2.7.*``. cuda: ``cu126``, ``cu12``, ``cpu``.
        python: ``cp312``. sm: ``8.9``.
    """

    style: str
    text: str
    package: str
    regexes: tuple[str, ...]
    torch: str | None
    cuda: str | None
    cxx11_abi: bool | None
    python: str | None
    sm: str | None
    note: str | None
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class NameStyle:
    """One way of saying it: a pattern searched in a file name, package name, folder or page URL.

    The named groups are described at the head of the table; ``wheel/claims.py`` decodes them.
    """

    id: str
    kind: str
    regex: str
    examples: tuple[NameExample, ...]
    source: str


@dataclass(frozen=True, slots=True)
class NameTable:
    """The styles in order of precedence, and all examples, those that say nothing included."""

    styles: tuple[NameStyle, ...]
    examples: tuple[NameExample, ...]


def parse_names(table: Table) -> NameTable:
    """Raises UsageError ``bad-table``."""
    examples = tuple(_example(row) for row in table.rows("style"))
    return NameTable(tuple(_style(row, examples) for row in table.rows("regex")), examples)


def _style(row: Row, examples: tuple[NameExample, ...]) -> NameStyle:
    name, kind, regex = row.text("id"), row.text("kind"), row.text("regex")
    if kind not in KINDS:
        raise row.error(f"kind {kind!r} is none of {', '.join(KINDS)}")
    pattern(row, regex)
    found = NameStyle(
        name, kind, regex, tuple(e for e in examples if name in e.regexes), row.source()
    )
    row.done()
    return found


def pattern(row: Row, regex: str) -> re.Pattern[str]:
    """Compiles a regex of a row. Raises UsageError ``bad-table``."""
    try:
        return re.compile(regex)
    except re.error as error:
        raise row.error(f"regex {regex!r}: {error}") from None


def _example(row: Row) -> NameExample:
    found = NameExample(
        row.text("style"),
        row.text("text"),
        row.text("package"),
        row.texts("regex"),
        row.maybe("torch"),
        row.maybe("cuda"),
        row.flag("cxx11_abi", default=False) if row.has("cxx11_abi") else None,
        row.maybe("python"),
        row.maybe("sm"),
        row.maybe("note"),
        row.verified(),
        row.source(),
    )
    row.done()
    return found
