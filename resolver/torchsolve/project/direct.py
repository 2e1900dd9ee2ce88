"""References in requirements (PEP 508) to source: ``name @ git+https://…@rev#subdirectory=…``, and
``name @ file:///folder``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urldefrag

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from torchsolve.errors import TorchsolveError, UnknownError
from torchsolve.model.package import DirectFile, DistMetadata, IndexFile
from torchsolve.model.trace import unwatched
from torchsolve.project import pyproject, remote
from torchsolve.project.options import ReadOptions
from torchsolve.project.tree import FolderTree, GitTree

_UNBUILT = Version("0")
_NEEDS_BUILD = "its version and dependencies cannot be told without building it"


def read_git(requirement: Requirement, origin: str, options: ReadOptions) -> DirectFile:
    """The commit that the reference means now, and what its ``pyproject.toml`` declares.

    A repository out of reach is not an error: the pin then has no commit and ``unread`` says so.
    """
    url, subdirectory, rev = _parts(str(requirement.url))
    name = canonicalize_name(requirement.name)
    file = IndexFile(name, _UNBUILT, f"{name} @ {url}", None, "direct")
    try:
        git_dir, commit = remote.clone(url, rev, options.cache_dir, offline=options.offline)
    except UnknownError as error:
        return DirectFile(file, None, (url, rev or "HEAD", subdirectory), error.message)
    path = f"{subdirectory}/pyproject.toml" if subdirectory else "pyproject.toml"
    metadata = _static(GitTree.at(git_dir, commit).read([path])[path], requirement, origin)
    unread = None if metadata is not None else _NEEDS_BUILD
    return DirectFile(_versioned(file, metadata), metadata, (url, commit, subdirectory), unread)


def read_folder(requirement: Requirement, folder: Path, origin: str) -> DirectFile:
    """What the ``pyproject.toml`` of a folder declares; no lock holds it, for no image has it."""
    unwatched()
    name = canonicalize_name(requirement.name)
    data = FolderTree(folder).read(["pyproject.toml"])["pyproject.toml"]
    metadata = _static(data, requirement, origin)
    file = IndexFile(name, _UNBUILT, f"{name} @ {folder.as_uri()}", None, "direct")
    unread = None if metadata is not None else _NEEDS_BUILD
    return DirectFile(_versioned(file, metadata), metadata, unread=unread)


def _versioned(file: IndexFile, metadata: DistMetadata | None) -> IndexFile:
    """With the version that is declared, where one is."""
    return file if metadata is None else replace(file, version=metadata.version)


def _parts(text: str) -> tuple[str, str | None, str | None]:
    """``git+https://host/repo.git@rev#subdirectory=x`` → URL, subdirectory, revision."""
    url, fragment = urldefrag(text.removeprefix("git+"))
    subdirectory = parse_qs(fragment).get("subdirectory", [None])[0]
    head, at, rev = url.rpartition("@")
    if at and "/" in head.partition("://")[2] and "/" not in rev.partition("#")[0]:
        return head, subdirectory, rev
    return url, subdirectory, None


def _static(data: bytes | None, requirement: Requirement, origin: str) -> DistMetadata | None:
    """Dependencies that a ``[project]`` table declares and does not call dynamic (PEP 621)."""
    if data is None:
        return None
    subject = requirement.name
    try:
        found = pyproject.read(
            data, path=origin, subject=subject, extras=tuple(requirement.extras), strict=False
        )
    except TorchsolveError:
        return None
    if not found.declares or found.dynamic_files:
        return None
    name = canonicalize_name(requirement.name)
    version = _UNBUILT
    with suppress(InvalidVersion):
        version = Version(found.version) if found.version else _UNBUILT
    return DistMetadata(name, version, found.requirements, found.requires_python)
