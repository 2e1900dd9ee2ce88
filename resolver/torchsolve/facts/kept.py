"""Parsed tables, kept as Python keeps bytecode: in ``__pycache__`` beside them.

Parsing the tables is a tenth of what an answer from the cache takes. A kept one names the text that
it was made from by its hash, so that an edited table is parsed again; where the folder cannot be
written, or bytecode is not wanted (``PYTHONDONTWRITEBYTECODE``), every run parses.
"""

from __future__ import annotations

import marshal
import os
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from torchsolve.digests import blake2b
from torchsolve.files import open_draft

_FORM = b"torchsolve.table/2\n"


def parse_toml(path: Path, text: bytes) -> dict[str, Any]:
    """The values of a TOML file with this text. Raises ValueError where it is none."""
    kept = _kept_at(path)
    digest = _digest(_FORM + text)
    found = _read(kept, digest)
    if found is None:
        import tomllib

        found = tomllib.loads(text.decode())
        if not sys.dont_write_bytecode:
            with suppress(OSError, ValueError):
                _write(kept, digest, found)
    return found


def is_kept(path: Path) -> bool:
    """Whether ``parse_toml`` has parsed that file before, or may keep it now."""
    kept = _kept_at(path)
    there = kept.parent if kept.parent.is_dir() else path.parent
    return kept.is_file() or (not sys.dont_write_bytecode and os.access(there, os.W_OK))


def _kept_at(path: Path) -> Path:
    return path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.table"


def _read(kept: Path, digest: bytes) -> dict[str, Any] | None:
    try:
        data = kept.read_bytes()
        if data[:32] != digest or _digest(data[64:]) != data[32:64]:
            return None
        days, found = marshal.loads(data[64:])  # noqa: S302 - our own, as bytecode is
    except (OSError, ValueError, EOFError, TypeError):
        return None
    for way, number in days:
        _put(found, way, date.fromordinal(number))
    return dict(found)


def _write(kept: Path, digest: bytes, found: dict[str, Any]) -> None:
    days: list[tuple[tuple[str | int, ...], int]] = []
    body = marshal.dumps((days, _without_days(found, (), days)))
    kept.parent.mkdir(exist_ok=True)
    handle, draft = open_draft(kept.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(digest + _digest(body) + body)
        Path(draft).chmod(0o644)
        Path(draft).replace(kept)
    finally:
        Path(draft).unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def _without_days(value: Any, way: tuple[str | int, ...], days: list[Any]) -> Any:
    """The same in values that marshal knows; dates are listed apart, with the way to them."""
    if isinstance(value, dict):
        return {key: _without_days(item, (*way, key), days) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_days(item, (*way, i), days) for i, item in enumerate(value)]
    if type(value) is date:
        days.append((way, value.toordinal()))
        return None
    return value


def _put(found: Any, way: tuple[str | int, ...], value: date) -> None:
    *steps, last = way
    for step in steps:
        found = found[step]
    found[last] = value
