"""Reading a table of ``matrices/``: every value is checked when read, and nothing is left over.

A table is a TOML file with ``[sources]`` and arrays of rows. A row names its ``source`` by key and
is ``verified`` unless it says otherwise. What does not fit raises ``UsageError("bad-table", …)``
with the file and the row as origin, so that whoever edits a table is told where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from torchsolve.errors import UsageError
from torchsolve.facts.kept import is_kept, parse_toml
from torchsolve.model.values import dataclass, field

T = TypeVar("T")
_NAMES = ("id", "version", "name", "package", "capability", "soname", "repo", "isa", "cuda", "text")


@dataclass(slots=True)
class Table:
    """One parsed file.

    ``checked``: when its rows were last held against their sources. ``used`` collects the keys of
    ``sources`` that rows name.
    """

    name: str
    data: dict[str, Any]
    sources: Mapping[str, str]
    checked: date
    used: set[str] = field(default_factory=set)

    def rows(self, kind: str) -> tuple[Row, ...]:
        """The rows of ``[[kind]]``, in order; none when the file has no such row."""
        found = self.data.get(kind, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise _bad(f"{kind} is no array of rows", f"matrices/{self.name}.toml")
        return tuple(Row(self, kind, dict(item)) for item in found)

    def top(self) -> Row:
        """What stands above the first row."""
        plain = {k: v for k, v in self.data.items() if not isinstance(v, list | dict)}
        lists = {k: v for k, v in self.data.items() if isinstance(v, list) and _is_texts(v)}
        return Row(self, "top", plain | lists)

    def mapping(self, key: str) -> dict[str, str]:
        """A ``[key]`` table of texts."""
        return _texts_of(self.data.get(key), f"matrices/{self.name}.toml [{key}]")


def read_table(folder: Path, name: str, only: Collection[str] | None = None) -> Table:
    """Parses ``<folder>/<name>.toml``. Raises UsageError ``bad-table`` or ``missing-table``.

    Args:
        only: texts; rows in which none of them stands may be passed over, unread.
    """
    path = folder / f"{name}.toml"
    origin = f"matrices/{name}.toml"
    try:
        text = path.read_bytes()
        if only is None:
            data = parse_toml(path, text)
        elif is_kept(path):
            data = _with_rows(parse_toml(path, text), only)
        else:
            import tomllib

            data = tomllib.loads(_rows_with(text.decode(), only))
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise UsageError("missing-table", message, origin=origin) from None
    except ValueError as error:
        raise _bad(str(error), origin) from None
    checked = data.pop("checked", None)
    if type(checked) is not date:
        raise _bad("has no checked = <date> at its head", origin)
    return Table(name, data, _texts_of(data.get("sources"), f"{origin} [sources]"), checked)


def _rows_with(text: str, wanted: Collection[str]) -> str:
    """A table of many rows without most of them: parsing TOML is slow."""
    head, *rows = re.split(r"^(?=\[\[)", text, flags=re.MULTILINE)
    quoted = [f'"{one}"' for one in wanted]
    return head + "".join(row for row in rows if any(one in row for one in quoted))


def _with_rows(data: dict[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    """The same of a table that was parsed before."""

    def names(row: dict[str, Any]) -> bool:
        return any(text in wanted for text in row.values() if isinstance(text, str))

    return {
        key: list(filter(names, value)) if isinstance(value, list) else value
        for key, value in data.items()
    }


class Row:
    """One row while it is read: each read takes a value away, ``done`` refuses what is left."""

    __slots__ = ("_data", "_table", "origin")

    def __init__(self, table: Table, kind: str, data: dict[str, Any]) -> None:
        named = next((str(data[key]) for key in _NAMES if key in data), "")
        self.origin = f"matrices/{table.name}.toml [{kind}] {named}".rstrip()
        self._table = table
        self._data = data

    def error(self, message: str) -> UsageError:
        """What is wrong with this row, ready to be raised."""
        return _bad(message, self.origin)

    def _take(self, key: str, kind: type[T], default: T | None = None) -> T:
        value = self._data.pop(key, default)
        if value is None:
            raise self.error(f"has no {key}")
        if type(value) is not kind:
            raise self.error(f"{key} = {value!r} is no {kind.__name__}")
        return value

    def text(self, key: str) -> str:
        """A text that must be there and not be empty."""
        value = self._take(key, str)
        if not value:
            raise self.error(f"{key} is empty")
        return value

    def maybe(self, key: str) -> str | None:
        """A text, None when it is not there."""
        return self.text(key) if key in self._data else None

    def has(self, key: str) -> bool:
        """Whether the row says anything under this key."""
        return key in self._data

    def flag(self, key: str, *, default: bool) -> bool:
        """A truth value."""
        return self._take(key, bool, default)

    def number(self, key: str) -> int | None:
        """A whole number, None when it is not there."""
        return self._take(key, int) if key in self._data else None

    def day(self, key: str) -> date | None:
        """A date, None when it is not there."""
        return self._take(key, date) if key in self._data else None

    def words(self, key: str) -> tuple[str, ...]:
        """A text of words with spaces between; ``()`` when it is not there."""
        return tuple(self.text(key).split()) if key in self._data else ()

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of texts; ``()`` when it is not there."""
        value = self._take(key, list, [])
        if not _is_texts(value):
            raise self.error(f"{key} = {value!r} is no array of texts")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, str]:
        """An inline table of texts; empty when it is not there."""
        return _texts_of(self._take(key, dict, {}), f"{self.origin} {key}")

    def rows(self, key: str) -> tuple[Row, ...]:
        """Rows inside this row."""
        value = self._take(key, list, [])
        if not all(isinstance(item, dict) for item in value):
            raise self.error(f"{key} is no array of rows")
        return tuple(self._inner(key, item) for item in value)

    def _inner(self, key: str, data: dict[str, Any]) -> Row:
        row = Row(self._table, key, dict(data))
        row.origin = f"{self.origin} {key} {' '.join(map(str, list(data.values())[:1]))}"
        return row

    def parse(self, parser: Callable[[str], T], text: str) -> T:
        """``parser(text)``; its ValueError becomes an error of this row."""
        try:
            return parser(text)
        except ValueError as error:
            raise self.error(str(error)) from None

    def source(self) -> str:
        """The text of the source that the row names; it must be one of ``[sources]``."""
        key = self.text("source")
        if key not in self._table.sources:
            raise self.error(f"source {key!r} is not in [sources]")
        self._table.used.add(key)
        return self._table.sources[key]

    def verified(self) -> bool:
        """Whether the row's fact was checked; true unless it says otherwise."""
        return self.flag("verified", default=True)

    def done(self) -> None:
        """Refuses keys that nobody read: they are misspelt."""
        if self._data:
            raise self.error(f"has an unknown key: {', '.join(sorted(self._data))}")


def _bad(message: str, origin: str) -> UsageError:
    return UsageError("bad-table", message, origin=origin, hint="torchsolve facts check")


def _is_texts(value: list[Any]) -> bool:
    return all(isinstance(item, str) for item in value)


def _texts_of(value: Any, origin: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _bad("is no table of texts", origin)
    return value
