"""Constraint files that the user names by a flag: they bound versions and ask for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torchsolve.model.project import ProjectFacts
from torchsolve.model.values import replace
from torchsolve.project.options import ReadOptions
from torchsolve.project.requirements import DiskFiles, Reader


def bounded(
    projects: Sequence[ProjectFacts], paths: Sequence[Path], options: ReadOptions
) -> tuple[ProjectFacts, ...]:
    """The projects with the lines of these files; they bound all of them alike.

    Raises UsageError ``bad-requirement``, ``no-such-file``.
    """
    if not paths or not projects:
        return tuple(projects)
    first, *others = projects
    reader = Reader(DiskFiles(options.online_download), "--constraint", strict=True, expand=True)
    for path in paths:
        reader.read_constraints(str(path), path.read_bytes())
    found = reader.result
    hashes = {name: set(allowed) for name, allowed in first.hashes}
    for name, allowed in found.hashes.items():
        hashes.setdefault(name, set()).update(allowed)
    joined = replace(
        first,
        constraints=(*first.constraints, *found.constraints),
        indexes=(*first.indexes, *found.indexes),
        hashes=tuple(sorted((name, frozenset(allowed)) for name, allowed in hashes.items())),
        notes=(*first.notes, *found.notes),
    )
    return (joined, *others)
