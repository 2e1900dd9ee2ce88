"""Files into a folder, whole or not at all.

All content is first written beside its goal, on the same file system, where a full disk or Ctrl-C
still costs nothing. Then files are exchanged by renames, and any failure takes those back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torchsolve.emit.manifest import NAME, digest_of, is_inside, is_script, manifest, read_manifest
from torchsolve.emit.options import Content
from torchsolve.errors import UsageError


def write(files: Mapping[str, Content], directory: Path) -> tuple[str, ...]:
    """Writes ``files`` and ``manifest.json``; gives the names written, sorted.

    Foreign files stay; what an older manifest names and ``files`` does not is removed. Raises
    UsageError("foreign-file") where a file that is not ours is in the way, and
    UsageError("cannot-write") where the system refuses: the folder is then as it was.
    """
    with _refusals_as_errors(directory):
        old = read_manifest(directory)
        _refuse_foreign(files, old, directory)
        existed = directory.is_dir()
        parent = directory if existed else directory.parent
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".torchsolve-", dir=parent) as temporary:
            new = Path(temporary) / "new"
            digests = {name: _stage(new / name, files[name]) for name in sorted(files)}
            _stage(new / NAME, manifest(digests))
            if existed:
                gone = set(old) - set(files)
                _exchange({*files, NAME}, gone, new, directory, Path(temporary) / "old")
            else:
                new.rename(directory)
    return tuple(sorted([*files, NAME]))


@contextmanager
def _refusals_as_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            "cannot-write",
            f"{error.strerror or error}; nothing was changed",
            origin=str(error.filename or directory),
        ) from error


def _refuse_foreign(files: Mapping[str, Content], old: Mapping[str, str], directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise UsageError("cannot-write", "this is a file, not a folder", origin=str(directory))
    root = directory.resolve()
    for name in files:
        path = directory / name
        outside = not is_inside(name) or not path.parent.resolve().is_relative_to(root)
        if outside or (name not in old and os.path.lexists(path)):
            raise UsageError(
                "foreign-file",
                "a file that torchsolve did not write is in the way",
                origin=str(path),
                hint="move it away, or choose another folder with -o",
            )


def _stage(path: Path, content: Content) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
        if is_script(content):
            path.chmod(path.stat().st_mode | 0o111)
    else:
        shutil.copy(content, path)
    return digest_of(content)


def _exchange(names: set[str], gone: set[str], new: Path, directory: Path, old: Path) -> None:
    undo: list[tuple[Path, Path]] = []
    made: list[Path] = []
    try:
        for name in sorted(names | gone):
            target = directory / name
            if os.path.lexists(target):
                _move(target, old / name, undo)
            if name in names:
                _make_folders(target.parent, made)
                _move(new / name, target, undo)
    except BaseException:
        for source, target in reversed(undo):
            target.rename(source)
        for folder in reversed(made):
            folder.rmdir()
        raise
    _remove_empty({(directory / name).parent for name in gone}, directory)


def _move(source: Path, target: Path, undo: list[tuple[Path, Path]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    undo.append((source, target))


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    for part in reversed(missing):
        part.mkdir()
        made.append(part)


def _remove_empty(folders: set[Path], root: Path) -> None:
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        for part in (folder, *folder.parents):
            if part == root or not part.is_dir() or any(part.iterdir()):
                break
            part.rmdir()
