"""An earlier lock → the versions that are preferred (``--lock``, or the one in ``-o DIR``)."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.model.preferences import Preferences
from torchsolve.model.target import CellId
from torchsolve.project.locks import lock_file
from torchsolve.project.options import ReadOptions


def read_preferences(path: Path, options: ReadOptions, upgraded: Collection[str]) -> Preferences:
    """The pins of a lock but for the names that are to be upgraded.

    Its cell is preferred too, unless torch is to be upgraded. Raises UsageError ``bad-lock``.
    """
    try:
        facts = lock_file(path, str(path), options)
    except UsageError as error:
        hint = "--upgrade keeps nothing of it, or name another one with --lock"
        raise UsageError("bad-lock", error.message, origin=error.origin, hint=hint) from None
    found: dict[str, Version] = {}
    for row in (*facts.requirements, *facts.constraints):
        exact = [spec for spec in row.requirement.specifier if spec.operator == "=="]
        if len(exact) == 1 and row.requirement.name not in upgraded:
            found.setdefault(row.requirement.name, Version(exact[0].version))
    return Preferences(found, None if "torch" in upgraded else _cell(path), str(path))


def _cell(path: Path) -> CellId | None:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    with suppress(ValueError, KeyError, TypeError):
        return CellId.parse(document["tool"]["torchsolve"]["cell"])
    return None
