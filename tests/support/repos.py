"""Tiny git repositories, made with the machine's git; the same files give the same commits."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on PATH")

DATE = "2025-06-01T12:00:00+02:00"
_AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Test"), ("EMAIL", "test@index.example"), ("DATE", DATE))
}


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository with a work tree."""

    path: Path

    @property
    def git_dir(self) -> Path:
        return self.path / ".git"

    def git(self, *arguments: str) -> str:
        """Runs git in it, without the machine's own settings."""
        environment = (
            os.environ
            | _AUTHOR
            | {
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_SYSTEM": os.devnull,
            }
        )
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, bytes | str]) -> str:
        """Writes ``files`` and commits everything; the new commit."""
        write(self.path, files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "files")
        return self.git("rev-parse", "HEAD")

    def forget(self, path: str) -> None:
        """Takes the object of a file out of the repository, as a partial clone lacks it."""
        oid = self.git("rev-parse", f"HEAD:{path}")
        (self.git_dir / "objects" / oid[:2] / oid[2:]).unlink()


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Writes ``files`` under ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def make_repo(path: Path, files: Mapping[str, bytes | str]) -> Repo:
    """A repository on branch ``main`` with one commit."""
    path.mkdir(parents=True)
    repo = Repo(path)
    repo.git("init", "--quiet", "--initial-branch=main", "--template=")
    repo.commit(files)
    return repo


def bare_copy(repo: Repo, path: Path) -> Path:
    """A bare clone of ``repo``, as a server would hold it."""
    repo.git("clone", "--quiet", "--bare", "--template=", str(repo.path), str(path))
    return path
