"""Rows of a table as plain values, for ``torchsolve facts show``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any, TypeAlias

from torchsolve.errors import UsageError
from torchsolve.facts.load import Facts, load_facts

Plain: TypeAlias = bool | int | str | list["Plain"] | dict[str, "Plain"] | None
_Rows: TypeAlias = Callable[[Facts], Iterable[Any]]

# Table -> its rows, and the fields that a key is looked for in.
TABLES: Mapping[str, tuple[_Rows, tuple[str, ...]]] = {
    "torch": (lambda f: f.torch.releases, ("version",)),
    "images": (lambda f: (*f.images.all, *f.images.unverified), ("ref", "cuda", "os", "flavor")),
    "os": (lambda f: f.images.systems, ("name", "family")),
    "gpus": (lambda f: f.gpus.sms, ("capability", "architecture")),
    "drivers": (lambda f: _drivers(f), ("cuda",)),
    "companions": (lambda f: f.companions, ("package",)),
    "xformers": (lambda f: f.xformers, ("version", "torch", "cuda")),
    "comfyui": (lambda f: f.comfyui.releases, ("version", "commit")),
    "folders": (lambda f: f.folders.categories, ("name",)),
    "name_styles": (lambda f: f.name_styles, ("id", "kind")),
    "known_conflicts": (lambda f: f.known_conflicts, ("id", "kind")),
    "build_failures": (lambda f: f.build_failures, ("id",)),
    "models": (lambda f: f.models, ("repo",)),
    "sonames": (lambda f: f.libraries, ("soname",)),
    "dist_sonames": (lambda f: f.dist_sonames.values(), ("name",)),
    "runtime": (lambda f: f.runtime.distributions, ("name",)),
    "import_names": (lambda f: f.import_names, ("name",)),
    "layouts": (lambda f: f.layouts.rules, ("use", "kind", "effect")),
    "stable_abi": (lambda f: f.stable_abi.shims, ("version",)),
    "libstdcxx": (lambda f: f.libstdcxx, ("gcc", "glibcxx")),
}


def show(
    table: str, key: str | None = None, facts: Facts | None = None
) -> tuple[dict[str, Plain], ...]:
    """The rows of a table, or those that a key names, as values that JSON knows.

    A GPU's name is a key of ``gpus``; a prefix of a commit one of ``comfyui``.
    Raises UsageError ``unknown-table`` or ``no-such-row``.
    """
    if table not in TABLES:
        close = get_close_matches(table, TABLES, 1)
        hint = f"did you mean {close[0]}?" if close else f"tables are {', '.join(TABLES)}"
        raise UsageError("unknown-table", f"no table is called {table!r}", hint=hint)
    tables = facts or load_facts()
    rows, fields = TABLES[table]
    wanted = tables.gpus.find(key).capability if table == "gpus" and key else key
    found = [row for row in rows(tables) if wanted is None or _matches(row, fields, wanted)]
    if not found:
        known = ", ".join(dict.fromkeys(_spell(getattr(r, fields[0], r)) for r in rows(tables)))
        raise UsageError("no-such-row", f"{table} has no row for {key!r}", hint=f"it has {known}")
    return tuple(_row(row) for row in found)


def _drivers(facts: Facts) -> Iterable[dict[str, Plain]]:
    isas = {cuda: isa for isa, (cuda, _) in facts.drivers.ptx.items()}
    for cuda, driver in facts.drivers.toolkits.items():
        minor, _, patch = cuda.rpartition(".")
        newest_isa = isas.get(minor) if patch == "0" else None
        floor = facts.drivers.minor_version_floor(int(cuda.partition(".")[0]))
        yield {"cuda": cuda, "driver": driver, "minor_version_floor": floor, "ptx_isa": newest_isa}


def _matches(row: Any, fields: tuple[str, ...], wanted: str) -> bool:
    values = (row.get(f) if isinstance(row, dict) else getattr(row, f) for f in fields)
    texts = [_spell(value).lower() for value in values if value is not None]
    asked = wanted.lower().removeprefix("v")
    commit = len(asked) >= 7 and "commit" in fields
    return any(text == asked or (commit and text.startswith(asked)) for text in texts)


def _spell(value: Any) -> str:
    return str(value)


def _row(row: Any) -> dict[str, Plain]:
    if isinstance(row, dict):
        return row
    return {field.name: _plain(getattr(row, field.name)) for field in dataclasses.fields(row)}


def _plain(value: Any) -> Plain:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and "__str__" not in type(value).__dict__:
        return _row(value)
    return str(value)
