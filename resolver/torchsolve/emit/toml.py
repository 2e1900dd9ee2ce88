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
    """The document as TOML; lists of tables named in ``arrays`` become ``[[name]]`` blocks."""
    return "\n".join(_block("", document, arrays)).lstrip("\n") + "\n"


def _block(prefix: str, table: Mapping[str, Plain], arrays: frozenset[str]) -> Iterator[str]:
    blocks = {key: value for key, value in table.items() if _is_block(prefix + key, value, arrays)}
    for key, value in table.items():
        if key not in blocks:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in blocks.items():
        name = prefix + _key(key)
        if isinstance(value, Mapping):
            if not value or not all(isinstance(item, Mapping) for item in value.values()):
                yield f"\n[{name}]"
            yield from _block(f"{name}.", value, arrays)
        elif prefix + key in arrays and isinstance(value, Sequence):
            for item in value:
                assert isinstance(item, Mapping)  # noqa: S101 - only tables are named in arrays
                yield f"\n[[{name}]]"
                yield from _block(f"{name}.", item, arrays)


def _is_block(path: str, value: Plain, arrays: frozenset[str]) -> bool:
    if isinstance(value, Mapping):
        flat = not any(isinstance(item, Mapping | list) for item in value.values())
        return not (flat and len(_value(value)) <= _LINE)
    return path in arrays


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
