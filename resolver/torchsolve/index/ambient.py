"""Indexes that the user's own configuration names: ``UV_*``, ``PIP_*``, ``uv.toml``, ``pip.conf``.

The order is uv's environment, pip's, uv's files, pip's; in each the first word on the default index
wins, and further indexes follow each other. Addresses alone are taken: a plan is for another
machine, so a folder or a ``file:`` index of this one is told and not followed.

https://docs.astral.sh/uv/reference/environment/ and https://pip.pypa.io/en/stable/topics/configuration/
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from torchsolve.model.project import IndexOption
from torchsolve.model.trace import looked_at
from torchsolve.model.uv_config import (
    DEFAULT,
    EXTRA,
    KEYS,
    LINKS,
    NONE,
    option_row,
    uv_rows,
)
from torchsolve.model.values import dataclass, replace

_TRUE = ("1", "true", "yes", "on")
_UV_VARIABLES = (
    ("UV_DEFAULT_INDEX", DEFAULT, None),
    ("UV_INDEX_URL", DEFAULT, None),
    ("UV_INDEX", EXTRA, " "),
    ("UV_EXTRA_INDEX_URL", EXTRA, " "),
    ("UV_FIND_LINKS", LINKS, ","),
    ("UV_NO_INDEX", NONE, None),
)
_PIP_VARIABLES = (
    ("PIP_INDEX_URL", DEFAULT, None),
    ("PIP_EXTRA_INDEX_URL", EXTRA, " "),
    ("PIP_FIND_LINKS", LINKS, " "),
    ("PIP_NO_INDEX", NONE, None),
)


@dataclass(frozen=True, slots=True)
class Ambient:
    """What was found.

    Attributes:
        rows: in the order of precedence; a URL may hold credentials.
        left: places of this machine, which are not followed: ``(text, origin)``.
    """

    rows: tuple[IndexOption, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


def read_ambient(environ: Mapping[str, str], directory: Path) -> Ambient:
    """Everything that holds in ``directory``; a file that cannot be read says nothing."""
    rows = [
        *_from_variables(_UV_VARIABLES, environ),
        *_from_variables(_PIP_VARIABLES, environ),
        *(row for path in _uv_files(environ, directory) for row in _from_uv(path)),
        *(row for path in _pip_files(environ) for row in _from_pip(path)),
    ]
    here = [row for row in rows if _is_local(row)]
    return Ambient(
        tuple(with_credentials(row, environ) for row in rows if row not in here),
        tuple((row.public_url, row.origin) for row in here),
    )


def _is_local(row: IndexOption) -> bool:
    return row.kind != NONE and not row.url.lower().startswith(("http://", "https://"))


def with_credentials(row: IndexOption, environ: Mapping[str, str]) -> IndexOption:
    """A named index with ``UV_INDEX_NAME_USERNAME`` and ``…_PASSWORD`` in its URL."""
    if row.name is None:
        return row
    stem = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", row.name.upper())
    user, password = environ.get(f"{stem}_USERNAME", ""), environ.get(f"{stem}_PASSWORD", "")
    if not (user or password):
        return row
    parts = urlsplit(row.url)
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"
    return replace(row, url=urlunsplit(parts._replace(netloc=netloc)))


def _from_variables(
    table: Iterable[tuple[str, str, str | None]], environ: Mapping[str, str]
) -> Iterator[IndexOption]:
    for variable, kind, split in table:
        text = environ.get(variable, "").strip()
        if text and (kind != NONE or text.lower() in _TRUE):
            for part in text.split(split) if split and split != " " else text.split():
                yield option_row(kind, part.strip(), variable)


def _uv_files(environ: Mapping[str, str], directory: Path) -> Iterator[Path]:
    """The project's, the user's and the system's ``uv.toml``, those that are there."""
    if environ.get("UV_NO_CONFIG", "").lower() in _TRUE:
        return
    if environ.get("UV_CONFIG_FILE"):
        yield Path(environ["UV_CONFIG_FILE"])
        return
    found = [path / "uv.toml" for path in (directory, *directory.parents)]
    for path in found:
        looked_at(path)
    yield from [path for path in found if path.is_file()][:1]
    users = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    yield from (path / "uv/uv.toml" for path in (users, Path("/etc")))


def _from_uv(path: Path) -> list[IndexOption]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return uv_rows(table, str(path))


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """As pip has them, the strongest first."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    if named:
        yield Path(named)
    home = Path(environ.get("HOME", "/"))
    if environ.get("VIRTUAL_ENV"):
        yield Path(environ["VIRTUAL_ENV"]) / "pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    yield home / ".pip/pip.conf"
    yield Path("/etc/pip.conf")
    for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(folder) / "pip/pip.conf"


def _from_pip(path: Path) -> Iterator[IndexOption]:
    looked_at(path)
    if not path.is_file():
        return
    from configparser import Error, RawConfigParser  # most machines have no such file

    parser = RawConfigParser()
    with suppress(OSError, UnicodeDecodeError, Error):
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    for key, kind in KEYS:
        # [install] is about the very command that would install a plan.
        sections = (s for s in ("install", "global") if parser.has_option(s, key))
        text = next((parser.get(section, key) for section in sections), "")
        if kind == NONE:
            text = "" if text.strip().lower() not in _TRUE else "yes"
        for part in text.split():
            yield option_row(kind, part, str(path))
