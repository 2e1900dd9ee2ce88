"""Direct references of requirements: git through ``project/``, files through ``index/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename
from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.index.client import IndexClient
from torchsolve.model.package import DirectFile, IndexFile
from torchsolve.project.direct import read_git
from torchsolve.project.options import ReadOptions
from torchsolve.wheel.archive import read_wheel, sha256_of
from torchsolve.wheel.filename import WheelName, parse


@dataclass(frozen=True, slots=True)
class Direct:
    """Implements ``solve.sources.DirectReader``."""

    index: IndexClient
    options: ReadOptions

    def read(self, requirement: Requirement, origin: str) -> DirectFile:
        """Raises UsageError ``bad-direct-reference``, UnknownError when out of reach."""
        url = str(requirement.url)
        if url.startswith("git+"):
            return read_git(requirement, origin, self.options)
        address, fragment = urldefrag(url)
        filename = unquote(urlsplit(address).path).rsplit("/", 1)[-1]
        version = _version(requirement, filename, origin)
        sha256 = parse_qs(fragment).get("sha256", [None])[0]
        name = canonicalize_name(requirement.name)
        if address.startswith("file:"):
            return _local(Path(unquote(urlsplit(address).path)), name, version, origin)
        file = IndexFile(name, version, filename, address, "direct", sha256=sha256)
        return DirectFile(file, self.index.metadata(file))


def _local(path: Path, name: str, version: Version, origin: str) -> DirectFile:
    if not path.is_file():
        raise UsageError("no-such-file", f"there is no file {path}", origin=origin)
    normalized = canonicalize_name(name)
    file = IndexFile(
        normalized, version, path.name, path.as_uri(), "project", sha256_of(path), place=str(path)
    )
    return DirectFile(file, read_wheel(path, path.name))


def _version(requirement: Requirement, filename: str, origin: str) -> Version:
    if filename.endswith(".whl"):
        found = parse(filename)
        if isinstance(found, WheelName):
            return found.version
    elif filename.endswith((".tar.gz", ".zip")):
        try:
            return parse_sdist_filename(filename)[1]
        except ValueError:
            return Version("0")
    raise UsageError(
        "bad-direct-reference",
        f"{requirement.name} is neither a wheel, an sdist nor a git repository: {filename}",
        origin=origin,
    )
