"""What wheels need of the system: libraries and programs, and the packages that bring them."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import NormalizedName, canonicalize_name

from torchsolve.facts.images import OsRow
from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class LibraryRow:
    """A shared library and its package: per family, or per OS where that differs.

    ``looked_up``: the systems whose package index was asked.
    """

    soname: str
    packages: Mapping[str, str]
    looked_up: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class DistSonames:
    """The shared libraries that a distribution's wheels take from the system."""

    name: NormalizedName
    sonames: tuple[str, ...]
    why: str
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class NeedRow:
    """A need at run time, ``compiler``, and its package per family; none: see the table's head."""

    name: str
    packages: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class RuntimeNeeds:
    """What a distribution runs at run time, as names of needs."""

    name: NormalizedName
    needs: tuple[str, ...]
    why: str
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class RuntimeTable:
    """``matrices/runtime.toml``."""

    needs: tuple[NeedRow, ...]
    distributions: tuple[RuntimeNeeds, ...]


def package_on(packages: Mapping[str, str], system: OsRow) -> str | None:
    """The package of a row on an OS: its own entry, else its family's; None when not known."""
    return packages.get(system.name) or packages.get(system.family)


def parse_sonames(table: Table) -> tuple[LibraryRow, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(_library(row) for row in table.rows("library"))


def _library(row: Row) -> LibraryRow:
    found = LibraryRow(
        row.text("soname"), row.mapping("packages"), row.texts("looked_up"), row.source()
    )
    row.done()
    return found


def parse_dist_sonames(table: Table) -> tuple[DistSonames, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(_distribution(row) for row in table.rows("distribution"))


def _distribution(row: Row) -> DistSonames:
    found = DistSonames(
        canonicalize_name(row.text("name")),
        row.texts("sonames"),
        row.text("why"),
        row.verified(),
        row.source(),
    )
    row.done()
    return found


def parse_runtime(table: Table) -> RuntimeTable:
    """Raises UsageError ``bad-table``."""
    needs = tuple(_need(row) for row in table.rows("need"))
    return RuntimeTable(needs, tuple(_runtime(row) for row in table.rows("distribution")))


def _need(row: Row) -> NeedRow:
    found = NeedRow(row.text("name"), row.mapping("packages"), row.source())
    row.done()
    return found


def _runtime(row: Row) -> RuntimeNeeds:
    found = RuntimeNeeds(
        canonicalize_name(row.text("name")),
        row.texts("needs"),
        row.text("why"),
        row.verified(),
        row.source(),
    )
    row.done()
    return found
