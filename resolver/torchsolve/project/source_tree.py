"""The files of a local project, for an image that gets a copy of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torchsolve.errors import UsageError
from torchsolve.model.project import SourceLocation
from torchsolve.project.gitdir import git_dir_of
from torchsolve.project.tree import FolderTree, GitTree

_AT_ONCE = 100


def source_files(source: SourceLocation) -> Iterator[tuple[str, bytes | Path]]:
    """Relative path and content: of the commit where there is one, else of the folder as it is.

    Raises UsageError ``no-source`` for a folder or a blob that is not there.
    """
    root = Path(source.path or "")
    git_dir = git_dir_of(root) if source.commit else None
    if git_dir is not None and source.commit is not None:
        yield from _committed(GitTree.at(git_dir, source.commit))
        return
    if not root.is_dir():
        raise UsageError(
            "no-source",
            "the folder to copy is not there",
            origin=str(root),
            hint="put it back, or resolve again where it is now",
        )
    for name in FolderTree(root).paths:
        yield name, root / name


def _committed(tree: GitTree) -> Iterator[tuple[str, bytes]]:
    paths = tree.paths
    for start in range(0, len(paths), _AT_ONCE):
        for name, content in tree.read(paths[start : start + _AT_ONCE]).items():
            if content is None and name.endswith(".whl"):
                continue  # only wheels of the plan are copied, and those are looked for by name
            if content is None:
                origin = f"{tree.git_dir} {tree.commit[:12]}"
                hint = "fetch the whole repository, or take --source clone"
                raise UsageError("no-source", f"{name} is not there", origin=origin, hint=hint)
            yield name, content
