"""Puts rows into a table of ``matrices/`` as text, so that comments, order and blanks stay.

A row is checked by reading the whole file again before anything is written.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import tomlkit

from torchsolve.errors import UsageError
from torchsolve.model.values import dataclass

Value = str | bool | date | Sequence[Mapping[str, str | bool]]


@dataclass(frozen=True, slots=True)
class NewRow:
    """``kind``: the array it belongs to. ``values``: in the order in which they are written."""

    kind: str
    values: Mapping[str, Value]

    def text(self) -> str:
        """The row, without the blank line that follows it."""
        return "\n".join([f"[[{self.kind}]]", *map(_line, self.values.items())]) + "\n"


def _line(item: tuple[str, Value]) -> str:
    key, value = item
    if isinstance(value, str | bool | date):
        return f"{key} = {_plain(value)}"
    inner = [", ".join(f"{k} = {_plain(v)}" for k, v in row.items()) for row in value]
    return "\n".join([f"{key} = [", *(f"  {{ {text} }}," for text in inner), "]"])


def _plain(value: str | bool | date) -> str:
    return tomlkit.item(value).as_string()


def insert(text: str, rows: Sequence[NewRow], is_older: Callable[[dict[str, Any]], bool]) -> str:
    """The file with the rows, in their order, before the first row of their kind that is older.

    Raises UsageError ``bad-table`` where the file has no row of that kind.
    """
    if not rows:
        return text
    kind = rows[0].kind
    starts = [match.start() for match in re.finditer(rf"^\[\[{kind}\]\]$", text, re.MULTILINE)]
    known = tomllib.loads(text).get(kind, [])
    if not starts or len(starts) != len(known):
        message = f"has no [[{kind}]] that a row could stand before"
        raise UsageError("bad-table", message, hint="torchsolve facts check")
    pairs = zip(starts, known, strict=True)
    at = next((start for start, row in pairs if is_older(row)), len(text))
    block = "".join(f"{row.text()}\n" for row in rows)
    return text[:at] + block + text[at:]


def diff(name: str, before: str, after: str) -> str:
    """As ``diff -u`` prints it; empty where nothing changes."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"a/matrices/{name}.toml",
        f"b/matrices/{name}.toml",
    )
    return "".join(lines)
