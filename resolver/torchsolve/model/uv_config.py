"""The index tables of uv's configuration, which stand in ``uv.toml`` and in ``[tool.uv]`` alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torchsolve.model.project import IndexOption

DEFAULT, EXTRA, LINKS, NONE = "--index-url", "--extra-index-url", "--find-links", "--no-index"
# The keys that uv and pip share, and what they mean.
KEYS = (
    ("index-url", DEFAULT),
    ("extra-index-url", EXTRA),
    ("find-links", LINKS),
    ("no-index", NONE),
)
_NAMED = r"([A-Za-z0-9_.-]+)=(?=\w+://)"


def uv_rows(table: Mapping[str, Any], origin: str) -> list[IndexOption]:
    """The indexes of a table; those that are ``explicit`` wait for a package to name them."""
    rows: list[IndexOption] = []
    for entry in tables(table.get("index")):
        url, name = entry.get("url"), entry.get("name")
        if isinstance(url, str) and not entry.get("explicit"):
            kind = DEFAULT if entry.get("default") else EXTRA
            kind = LINKS if entry.get("format") == "flat" else kind
            rows.append(IndexOption(kind, url, origin, name if isinstance(name, str) else None))
    for section in (table, table.get("pip")):
        for key, kind in KEYS:
            value = section.get(key) if isinstance(section, Mapping) else None
            rows += [option_row(kind, text, origin) for text in _texts(value)]
    return rows


def option_row(kind: str, text: str, origin: str) -> IndexOption:
    """One value of an option or a variable; ``NAME=URL`` names the index."""
    if kind == NONE:
        return IndexOption(kind, "", origin)
    named = re.match(_NAMED, text)
    name = named[1] if named else None
    return IndexOption(kind, text[named.end() :] if named else text, origin, name)


def tables(value: object) -> list[Mapping[str, Any]]:
    """The tables of an array; none where it is something else."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return [value] if isinstance(value, str) else [""] if value is True else []
