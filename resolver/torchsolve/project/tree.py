"""The files of a project, on disk or in git, behind one interface."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from torchsolve.errors import UsageError
from torchsolve.model.values import dataclass
from torchsolve.project import git

_CHUNK = 1 << 20
_LINK = "120000"
_SUBMODULE = "160000"


class Tree(Protocol):
    """A read-only tree of files; every path is relative, with ``/``.

    A file that is listed but whose bytes are not there reads as None: unknown, not absent.
    """

    @property
    def paths(self) -> tuple[str, ...]:
        """All regular files, sorted."""
        ...

    @property
    def submodules(self) -> tuple[str, ...]:
        """Folders that are other repositories."""
        ...

    def read(self, paths: Iterable[str], most: int | None = None) -> dict[str, bytes | None]:
        """Bytes of each of ``paths``, its first ``most`` alone; None for one that is not there."""
        ...

    def open(self, path: str) -> BinaryIO | None:
        """A seekable file over ``path``, for the caller to close; None if it is not there."""
        ...


@dataclass(frozen=True, slots=True)
class FolderTree:
    """A folder as it stands on disk; hidden folders and virtual environments are left out."""

    root: Path

    @property
    def paths(self) -> tuple[str, ...]:
        """All regular files, sorted."""
        return tuple(sorted(self._walk()))

    @property
    def submodules(self) -> tuple[str, ...]:
        """None: what is checked out is read like any other folder."""
        return ()

    def _walk(self) -> Iterator[str]:
        for folder, names, files in os.walk(self.root):
            here = Path(folder)
            names[:] = [n for n in names if not _skipped(here / n)]
            for name in files:
                if name.isprintable() and self._inside(here / name):
                    yield (here / name).relative_to(self.root).as_posix()

    def _inside(self, path: Path) -> bool:
        # A link may point anywhere; only one that stays in the folder is part of it.
        if not path.is_symlink():
            return path.is_file()
        return path.is_file() and path.resolve().is_relative_to(self.root.resolve())

    def read(self, paths: Iterable[str], most: int | None = None) -> dict[str, bytes | None]:
        """Bytes of each of ``paths``, its first ``most`` alone; None for an unreadable one."""
        return {path: self._bytes(path, most) for path in paths}

    def _bytes(self, path: str, most: int | None) -> bytes | None:
        try:
            with (self.root / path).open("rb") as file:
                return file.read(-1 if most is None else most)
        except OSError:
            return None

    def open(self, path: str) -> BinaryIO | None:
        """The file itself."""
        try:
            return (self.root / path).open("rb")
        except OSError:
            return None


def _skipped(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in ("__pycache__", "node_modules")
    return hidden or folder.is_symlink() or (folder / "pyvenv.cfg").exists()


@dataclass(frozen=True, slots=True)
class GitTree:
    """The tree of one commit, read in place: nothing is checked out and nothing is fetched."""

    git_dir: Path
    commit: str
    entries: tuple[tuple[str, str, str], ...]

    @classmethod
    def at(cls, git_dir: Path, commit: str) -> GitTree:
        """List the tree of ``commit``.

        Raises UsageError ``not-a-repository`` where a tree object is missing.
        """
        done = git.run(["ls-tree", "-r", "-z", "--full-tree", commit], git_dir=git_dir)
        if done.returncode != 0:
            raise UsageError(
                "not-a-repository",
                f"the tree of {commit[:12]} cannot be listed: {last_line(done.stderr)}",
                origin=str(git_dir),
                hint="fetch the whole repository: a part of it is missing",
            )
        lines = done.stdout.decode("utf-8", "replace").split("\0")
        return cls(git_dir, commit, tuple(_entry(line) for line in lines if line))

    @property
    def paths(self) -> tuple[str, ...]:
        """All regular files, sorted."""
        return tuple(sorted(p for p, mode, _ in self.entries if mode not in (_LINK, _SUBMODULE)))

    @property
    def submodules(self) -> tuple[str, ...]:
        """Folders that are other repositories; they are not read."""
        return tuple(sorted(p for p, mode, _ in self.entries if mode == _SUBMODULE))

    def _oid(self, path: str) -> str | None:
        return next((oid for p, _, oid in self.entries if p == path), None)

    def read(self, paths: Iterable[str], most: int | None = None) -> dict[str, bytes | None]:
        """Bytes of each of ``paths``, its first ``most`` alone; None for a missing object.

        One git process serves all.
        """
        wanted = {path: self._oid(path) for path in paths}
        oids = sorted({oid for oid in wanted.values() if oid})
        if not oids:
            return dict.fromkeys(wanted)
        request = "".join(f"{oid}\n" for oid in oids).encode()
        with git.answering(["cat-file", "--batch"], self.git_dir, request) as output:
            blobs = dict(_batch(output, most))
        return {path: blobs.get(oid) if oid else None for path, oid in wanted.items()}

    def open(self, path: str) -> BinaryIO | None:
        """A copy of the blob in an unnamed temporary file: wheels do not go through memory."""
        oid = self._oid(path)
        if oid is None:
            return None
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        arguments = git.command(self.git_dir, ["cat-file", "blob", oid])
        try:
            done = subprocess.run(
                arguments,
                stdout=spool,
                stderr=subprocess.DEVNULL,
                check=False,
                env=git.environment(git.LOCAL),
            )
        except FileNotFoundError:
            spool.close()
            raise git.missing() from None
        if done.returncode != 0:
            spool.close()
            return None
        spool.seek(0)
        return spool


def _entry(line: str) -> tuple[str, str, str]:
    meta, _, path = line.partition("\t")
    mode, _, oid = meta.split(" ")
    return path, mode, oid


def _batch(output: IO[bytes], most: int | None) -> Iterator[tuple[str, bytes]]:
    """Pairs of object id and content; objects that git calls missing are left out."""
    for line in iter(output.readline, b""):
        header = line.decode().split()
        if len(header) == 3 and header[1] == "blob":
            size = int(header[2])
            wanted = size if most is None else min(size, most)
            yield header[0], output.read(wanted)
            _skip(output, size - wanted + 1)


def _skip(output: IO[bytes], size: int) -> None:
    while size > 0:
        size -= len(output.read(min(size, _CHUNK))) or size


def last_line(stderr: bytes) -> str:
    """The line that matters of what git said."""
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].removeprefix("fatal: ") if lines else "git said nothing"


def folder_of(path: str) -> str:
    """The folder of a tree path, ``""`` for the root."""
    return path.rpartition("/")[0]
