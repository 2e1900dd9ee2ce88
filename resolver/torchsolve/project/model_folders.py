"""Where ComfyUI looks for models: by its day, and by what ``extra_model_paths.yaml`` adds."""

from __future__ import annotations

import datetime as dt
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from torchsolve.errors import UsageError
from torchsolve.facts.folders import FolderTable

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
"""What ComfyUI expands in a base_path: the environment of the container says it."""

ModelFolders = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]


def model_folders(table: FolderTable, day: dt.date | None, extra: Path | None) -> ModelFolders:
    """Category → folders in the order of the search, and suffixes.

    Args:
        day: of the ComfyUI; None for the newest.
        extra: a file of the form of ``extra_model_paths.yaml``; relative folders in it count from
            ComfyUI's root, where the file lies in an image.

    Raises UsageError ``no-such-file``, ``bad-model-paths``.
    """
    found = dict(table.on(day))
    if extra is None:
        return found
    names = {alias.name: alias.category for alias in table.aliases}
    for category, folder, first in _added(extra):
        home = names.get(category, category)
        for name in {home, category, *(a for a, c in names.items() if c == home and a in found)}:
            dirs, suffixes = found.get(name, ((), ()))
            found[name] = _with(dirs, folder, first=first), suffixes
    return found


def _with(dirs: tuple[str, ...], folder: str, *, first: bool) -> tuple[str, ...]:
    """As ``folder_paths.add_model_folder_path``: one that is known moves only to be the first."""
    if first:
        return (folder, *(known for known in dirs if known != folder))
    return dirs if folder in dirs else (*dirs, folder)


def _added(file: Path) -> Iterator[tuple[str, str, bool]]:
    """Category, folder, whether it is searched first; ComfyUI's ``utils/extra_config.py``."""
    for section, rows in _sections(file):
        base = rows.get("base_path")
        if base is not None and not isinstance(base, str):
            raise _bad(file, f"base_path of {section} is not a text")
        for category, folders in rows.items():
            if category in ("base_path", "is_default") or folders is None:
                continue
            if not isinstance(folders, str):
                raise _bad(file, f"{category} of {section} is not a text: one folder a line")
            for line in filter(None, folders.split("\n")):
                joined = posixpath.normpath(
                    posixpath.join(_VARIABLE.sub(r"{\1}", base or ""), line)
                )
                yield str(category), joined, bool(rows.get("is_default"))


def _sections(file: Path) -> Iterator[tuple[str, dict[object, object]]]:
    try:
        data = yaml.safe_load(file.read_bytes())
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(
            "no-such-file", why, origin=str(file), hint="name an extra_model_paths.yaml"
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _bad(file, str(error).partition("\n")[0]) from error
    if not isinstance(data, dict | None):
        raise _bad(file, "it holds no sections")
    for section, rows in (data or {}).items():
        if rows is None:
            continue
        if not isinstance(rows, dict):
            raise _bad(file, f"{section} holds no folders")
        yield str(section), rows


def _bad(file: Path, why: str) -> UsageError:
    hint = "as in ComfyUI's extra_model_paths.yaml.example: sections of category: folder"
    return UsageError("bad-model-paths", why, origin=str(file), hint=hint)
