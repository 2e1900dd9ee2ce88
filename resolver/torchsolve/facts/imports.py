"""``matrices/import_names.toml``: import names that several distributions write."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import NormalizedName, canonicalize_name

from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class ImportName:
    """One import name.

    Attributes:
        distributions: that write it, the richest first.
        gpu: those of them that are of no use without CUDA.
    """

    name: str
    distributions: tuple[NormalizedName, ...]
    gpu: tuple[NormalizedName, ...]
    source: str

    def ranked(self, *, cuda: bool) -> tuple[NormalizedName, ...]:
        """Whose files are to be there, the most wanted first."""
        if cuda:
            return self.distributions
        return tuple(sorted(self.distributions, key=self.gpu.__contains__))


def parse_import_names(table: Table) -> tuple[ImportName, ...]:
    """Raises UsageError ``bad-table``."""
    return tuple(map(_import_name, table.rows("import_name")))


def _import_name(row: Row) -> ImportName:
    found = ImportName(
        row.text("name"),
        tuple(map(canonicalize_name, row.texts("distributions"))),
        tuple(map(canonicalize_name, row.texts("gpu"))),
        row.source(),
    )
    row.done()
    return found


def import_names_problems(rows: tuple[ImportName, ...]) -> Iterator[str]:
    """What no single value shows: one distribution of two names, a name with one distribution."""
    seen: dict[str, str] = {}
    for row in rows:
        where = f"matrices/import_names.toml [import_name] {row.name}"
        if len(row.distributions) < 2:
            yield f"{where}: needs two distributions at least"
        for name in row.distributions:
            if name in seen:
                yield f"{where}: {name} stands under {seen[name]} already"
            seen[name] = row.name
        for name in set(row.gpu) - set(row.distributions):
            yield f"{where}: {name} is none of its distributions"
