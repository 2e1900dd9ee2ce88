"""Of weights whose places lie in one another, those that say most: each is fetched once."""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.model.project import ModelFile


def without_covered(files: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    """The files without those that another one brings along, or says better.

    A path in a folder that is fetched whole comes with it. A folder, or a name without its suffix,
    that nobody fetches says nothing beside the files that are known below it.
    """
    return tuple(file for file in files if not any(_covers(other, file) for other in files))


def _covers(other: ModelFile, file: ModelFile) -> bool:
    if other is file or file.path.startswith("<") or other.path.startswith("<"):
        return False
    mine, theirs = file.path.rstrip("/"), other.path.rstrip("/")
    if mine.startswith(f"{theirs}/"):
        return _has_source(other) and not file.url
    return not _has_source(file) and theirs.startswith((f"{mine}/", f"{mine}."))


def _has_source(file: ModelFile) -> bool:
    return bool(file.repo or file.url)
