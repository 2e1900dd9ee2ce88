"""ComfyUI itself: a local checkout, or a state that ``matrices/`` knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from torchsolve.errors import UsageError
from torchsolve.model.project import ComfyUI
from torchsolve.model.trace import unwatched
from torchsolve.project import git
from torchsolve.project.requirements import DiskFiles, Reader

_VERSION = re.compile(r"""^__version__\s*=\s*["']([^"']+)["']""", re.MULTILINE)
_PROJECT_VERSION = re.compile(r"""^version\s*=\s*["']([^"']+)["']""", re.MULTILINE)


class Row(Protocol):
    """A release or state of ComfyUI, as ``facts.comfyui.releases`` has it."""

    @property
    def version(self) -> str | None:
        """``0.3.64``, None between releases."""
        ...

    @property
    def commit(self) -> str:
        """Of the state."""
        ...

    @property
    def requirements(self) -> tuple[str, ...]:
        """Lines of requirements.txt, comments left out."""
        ...


def checkout(path: Path) -> ComfyUI:
    """A folder that holds ComfyUI (``--comfyui PATH``); a bare repository is read at HEAD.

    Raises UsageError: ``no-such-file``, ``not-comfyui`` (no main.py or requirements.txt in it),
    ``bad-requirement``.
    """
    from torchsolve.project.gitdir import git_dir_of

    if not path.is_dir():
        raise UsageError(
            "no-such-file",
            f"there is no folder {path}",
            origin="--comfyui",
            hint="point it at a checkout of ComfyUI, or name a release",
        )
    unwatched()
    git_dir = git_dir_of(path)
    if git_dir == path:
        return _bare(path)
    files = {name: _bytes(path / name) for name in _FILES}
    return _read(files, path, _head(git_dir) if git_dir else None)


_FILES = ("main.py", "requirements.txt", "comfyui_version.py", "pyproject.toml")


def _bare(path: Path) -> ComfyUI:
    from torchsolve.project.gitdir import commit_of
    from torchsolve.project.tree import GitTree

    commit = commit_of(path, None).sha
    return _read(GitTree.at(path, commit).read(_FILES), path, commit)


def _read(files: dict[str, bytes | None], path: Path, commit: str | None) -> ComfyUI:
    lines = files["requirements.txt"]
    if lines is None or files["main.py"] is None:
        raise UsageError(
            "not-comfyui",
            "there is no main.py beside a requirements.txt in it",
            origin=str(path),
            hint="point --comfyui at a checkout of ComfyUI",
        )
    reader = Reader(DiskFiles(), "ComfyUI", strict=True, expand=False)
    found = reader.read("ComfyUI/requirements.txt", lines)
    version = _version(files) or (commit[:7] if commit else "unknown")
    return ComfyUI(version, commit, str(path.resolve()), tuple(found.requirements))


def _version(files: dict[str, bytes | None]) -> str | None:
    for name, pattern in (("comfyui_version.py", _VERSION), ("pyproject.toml", _PROJECT_VERSION)):
        match = pattern.search((files[name] or b"").decode("utf-8", "replace"))
        if match:
            return match[1]
    return None


def _head(git_dir: Path) -> str | None:
    return git.text(["rev-parse", "--verify", "--quiet", "HEAD"], git_dir=git_dir)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def from_row(row: Row) -> ComfyUI:
    """The ComfyUI of a row; its requirements carry the line they have in the file.

    Raises UsageError ``bad-requirement`` where the row is damaged.
    """
    version = row.version or row.commit[:7]
    reader = Reader(DiskFiles(), "ComfyUI", strict=True, expand=False)
    text = "\n".join(row.requirements).encode()
    found = reader.read(f"ComfyUI {version} requirements.txt", text)
    return ComfyUI(version, row.commit, None, tuple(found.requirements))
