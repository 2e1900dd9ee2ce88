"""A small TOML writer: keys in the order given, scalars before tables, byte-stable.

tomlkit keeps the style of a document that people edit; a lock is written by us alone, and this is
many times faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from torchsolve.emit.escape import quoted

Plain = str | int | float | bool | datetime | Sequence["Plain"] | Mapping[str, "Plain"]
_LINE = 96
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(document: Mapping[str, Plain], arrays: frozenset[str] = frozenset()) -> str:
    """The document as TOML; top-level lists named in ``arrays`` become ``[[name]]`` blocks."""
    blocks = {key: value for key, value in document.items() if key in arrays and value}
    lines = list(_table("", {key: v for key, v in document.items() if key not in blocks}))
    first_table = next((n for n, line in enumerate(lines) if line.startswith("\n[")), len(lines))
    lines[first_table:first_table] = _array_blocks(blocks)
    return "\n".join(lines).lstrip("\n") + "\n"


def _array_blocks(blocks: Mapping[str, Plain]) -> Iterator[str]:
    for key, items in blocks.items():
        for item in items if isinstance(items, list) else ():
            yield f"\n[[{_key(key)}]]"
            yield from _table(f"{_key(key)}.", item)


def _table(prefix: str, table: Mapping[str, Plain]) -> Iterator[str]:
    for key, value in table.items():
        if not _is_block(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if _is_block(value) and isinstance(value, Mapping):
            # A table that holds only tables exists by their headers.
            if not all(_is_block(item) for item in value.values()):
                yield f"\n[{prefix}{_key(key)}]"
            yield from _table(f"{prefix}{_key(key)}.", value)


def _is_block(value: Plain) -> bool:
    if not isinstance(value, Mapping):
        return False
    flat = not any(isinstance(item, Mapping | list) for item in value.values())
    return not (flat and len(_value(value)) <= _LINE)


def _value(value: Plain, *, nested: bool = False) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        pairs = (f"{_key(k)} = {_value(v, nested=True)}" for k, v in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, Sequence):
        return _array(value, nested=nested)
    return repr(value)


def _array(items: Sequence[Plain], *, nested: bool) -> str:
    line = "[" + ", ".join(_value(item, nested=True) for item in items) + "]"
    if nested or (len(line) <= _LINE and not any(isinstance(item, Mapping) for item in items)):
        return line
    return "[\n" + "".join(f"    {_value(item)},\n" for item in items) + "]"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else quoted(key)
