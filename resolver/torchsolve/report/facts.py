"""``facts show``: rows of a table of ``matrices/`` as text and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import counted

Fact = Mapping[str, Any]
_LONGEST = 60


def facts_json(table: str, rows: Sequence[Fact]) -> dict[str, Any]:
    """``torchsolve.facts/1``."""
    return {"schema": "torchsolve.facts/1", "table": table, "rows": [dict(fact) for fact in rows]}


def facts_screen(table: str, rows: Sequence[Fact]) -> Screen:
    """One row in full, with a table for each list of rows in it; more rows as a table."""
    if len(rows) != 1:
        title = f"{table}: {counted(len(rows), 'row')}"
        return (Block(_table(rows, _LONGEST), title, indent=0, gap=2),)
    fact = rows[0]
    lists = {key: value for key, value in fact.items() if _is_table(value)}
    plain = tuple(row(key, _spell(value)) for key, value in fact.items() if key not in lists)
    tables = (Block(_table(value), key, indent=0, gap=2) for key, value in lists.items())
    return (Block(plain, table, indent=0, gap=2), *tables)


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _table(rows: Sequence[Fact], longest: int = 10_000) -> tuple[tuple[Cell, ...], ...]:
    keys = list(dict.fromkeys(key for fact in rows for key in fact))
    head = row(*(Cell(key, "dim") for key in keys))
    return (head, *(row(*(_cut(_spell(f.get(k)), longest) for k in keys)) for f in rows))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _spell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_spell(item)}" for key, item in value.items())
    if _is_table(value):
        return counted(len(value), "row")
    if isinstance(value, list):
        return " ".join(map(_spell, value)) or "-"
    return str(value)
