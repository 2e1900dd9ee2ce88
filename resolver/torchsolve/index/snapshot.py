"""Snapshots: every page and metadata file that a solve touched, in one file to replay it from.

A snapshot is text, compressed with Zstandard: a line that says what it is, then one line a thing,
sorted, so that the same answers give the same bytes. It holds no time, no address with a password
and no header; what was out of reach is in it as the error that it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import zstandard

from torchsolve import __version__
from torchsolve.errors import UnknownError, UsageError
from torchsolve.files import replace_file
from torchsolve.index.cache import Cache, Entry

_SCHEMA = "torchsolve.snapshot/1"
_LEVEL = 12
_LIMIT = 2 * 1024 * 1024 * 1024
# What an answer says of itself at one moment; a replay asks nobody, so that it needs none of it.
_TIMES: dict[str, Any] = {"fetched": 0.0, "lifetime": 0.0, "etag": None, "modified": None}

Things = dict[tuple[str, str], Entry]


class Recording(Cache):
    """A cache that remembers what was asked of it, or of an index behind it, for a snapshot."""

    transparent = False

    def __init__(self, folder: Path, path: Path) -> None:
        super().__init__(folder)
        self._path = path
        self._things: Things = {}
        self._touched: set[tuple[str, str]] = set()

    def touch(self, kind: str, key: str) -> None:
        """Lets the snapshot have it: what was fetched ahead of need depends on the network."""
        self._touched.add((kind, key))

    def through(self, kind: str, key: str, work: Callable[[], Entry]) -> Entry:
        """What ``work`` gives or raises, remembered."""
        try:
            found = work()
        except UnknownError as error:
            self._things[kind, key] = Entry({"error": _error(error)}, "")
            raise
        head = {name: _TIMES.get(name, value) for name, value in found.head.items()}
        self._things[kind, key] = Entry(head, found.data)
        return found

    def finish(self) -> None:
        """Writes the snapshot, whole or not at all; a device or a pipe stays what it is.

        Raises UsageError ``cannot-write``.
        """
        touched = {key: found for key, found in self._things.items() if key in self._touched}
        replace_file(self._path, dump(touched))


class Replay(Cache):
    """A cache that knows what a snapshot holds, and nothing else. Nothing is written.

    Raises UsageError ``bad-snapshot`` at construction.
    """

    transparent = False

    def __init__(self, folder: Path, path: Path) -> None:
        super().__init__(folder)
        self._things = load(path)

    def read(self, kind: str, key: str) -> Entry | None:  # noqa: ARG002 - as in any cache
        """Nothing: what is derived from pages is derived again."""
        return None

    def write(self, kind: str, key: str, entry: Entry) -> None:
        """Keeps nothing."""

    def through(self, kind: str, key: str, work: Callable[[], Entry]) -> Entry:  # noqa: ARG002
        """What was recorded. Raises UnknownError that was recorded, or ``not-in-snapshot``."""
        found = self._things.get((kind, key))
        if found is None:
            raise UnknownError(
                "not-in-snapshot",
                f"the snapshot has no {kind.partition('/')[0]} of {key}",
                origin=key,
                hint="replay it with the projects and flags that it was recorded with",
            )
        if "error" in found.head:
            raise UnknownError(**found.head["error"])
        return found


def dump(things: Mapping[tuple[str, str], Entry]) -> bytes:
    """The bytes of a snapshot; equal for equal things."""
    lines = [json.dumps({"schema": _SCHEMA, "made_by": f"torchsolve {__version__}"})]
    for (kind, key), entry in sorted(things.items(), key=lambda row: row[0]):
        lines.append(json.dumps([kind, key, entry.head, entry.body], sort_keys=True))
    text = "\n".join([*lines, ""]).encode()
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(text)


def load(path: Path) -> Things:
    """What a snapshot holds. Raises UsageError ``bad-snapshot`` where it is none."""
    try:
        first, *lines = _text(path).splitlines()
        schema = json.loads(first)["schema"]
        rows = [json.loads(line) for line in lines] if schema == _SCHEMA else []
        things = {
            (str(kind), str(key)): Entry(dict(head), str(body)) for kind, key, head, body in rows
        }
    except OSError as error:
        raise _bad(path, (error.strerror or str(error)).lower()) from None
    except (zstandard.ZstdError, ValueError, TypeError, KeyError, MemoryError):
        raise _bad(path, "it is no snapshot, or not a whole one") from None
    if schema != _SCHEMA:
        raise _bad(path, f"its form is {schema!r}, and this is {_SCHEMA!r}")
    return things


def _text(path: Path) -> str:
    with path.open("rb") as stream, zstandard.ZstdDecompressor().stream_reader(stream) as reader:
        data = reader.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise ValueError("too large")
    return data.decode()


def _bad(path: Path, why: str) -> UsageError:
    hint = "record it again with --snapshot, by the same version of torchsolve"
    return UsageError("bad-snapshot", why, origin=str(path), hint=hint)


def _error(error: UnknownError) -> dict[str, str]:
    return {
        "reference": error.reference,
        "message": error.message,
        "origin": error.origin,
        "hint": error.hint,
    }
