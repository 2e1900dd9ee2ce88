"""Direct references of requirements: git through ``project/``, files through ``index/``."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_sdist_filename
from packaging.version import Version

from torchsolve.errors import UnknownError, UsageError
from torchsolve.index.client import IndexClient
from torchsolve.model.package import DirectFile, IndexFile
from torchsolve.model.trace import looked_at
from torchsolve.model.values import dataclass, field, replace
from torchsolve.project.options import ReadOptions
from torchsolve.wheel.metadata import check_identity

# Bytes that are downloaded to learn a hash; a larger file goes without.
HASH_LIMIT = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Direct:
    """Implements ``solve.sources.DirectReader``."""

    index: IndexClient
    options: ReadOptions
    hashed: dict[str, IndexFile] = field(default_factory=dict, compare=False)

    def read(self, requirement: Requirement, origin: str) -> DirectFile:
        """Raises UsageError ``bad-direct-reference``, UnknownError when out of reach."""
        url = str(requirement.url)
        if url.startswith("git+"):
            from torchsolve.project.direct import read_git

            return read_git(requirement, origin, self.options)
        address, fragment = urldefrag(url)
        path = Path(unquote(urlsplit(address).path))
        if address.startswith("file:"):
            looked_at(path)
        if address.startswith("file:") and path.is_dir():
            from torchsolve.project.direct import read_folder

            return read_folder(requirement, path, origin)
        filename = path.name
        version = _version(requirement, filename, origin)
        sha256 = _sha256(fragment, origin)
        name = canonicalize_name(requirement.name)
        if address.startswith("file:"):
            return self._local(path, name, version, origin)
        file = IndexFile(name, version, filename, address, "direct", sha256=sha256)
        metadata = self.index.metadata(file)
        if file.is_wheel:
            from torchsolve.wheel.filename import parse

            check_identity(metadata, parse(filename).name, version, origin)
        if sha256 is None:
            # Once a run: every cell asks for it.
            file = self.hashed.get(address) or self.hashed.setdefault(
                address, self._hashed(file, address)
            )
        return DirectFile(file, metadata)

    def _local(self, path: Path, name: str, version: Version, origin: str) -> DirectFile:
        if not path.is_file():
            raise UsageError(
                "no-such-file",
                f"there is no file {path}",
                origin=origin,
                hint="a file:// address is a whole path of this machine",
            )
        from torchsolve.project.single import wheel_fact
        from torchsolve.wheel.archive import sha256_of

        if path.suffix == ".whl":
            known = wheel_fact(path)
            return DirectFile(replace(known.file, place=str(path)), known.metadata)
        sha256 = sha256_of(path)
        file = IndexFile(
            canonicalize_name(name), version, path.name, path.as_uri(), "project", sha256
        )
        file = replace(file, place=str(path))
        try:
            return DirectFile(file, self.index.metadata(file))
        except UnknownError as error:
            return DirectFile(file, None, unread=f"{error.message}; {error.hint}")

    def _hashed(self, file: IndexFile, address: str) -> IndexFile:
        """With the hash that its address does not give; as it is where that is out of reach."""
        known = self.index.told("direct", address, partial(self._measured, address))
        return replace(file, **known)

    def _measured(self, address: str) -> dict[str, Any]:
        from torchsolve.project import download
        from torchsolve.wheel.archive import sha256_of

        online = None if self.options.offline else self.index.download
        try:
            path = download.wheel(address, self.options.cache_dir, online, limit=HASH_LIMIT)
        except UnknownError:
            return {}
        return {"sha256": sha256_of(path), "size": path.stat().st_size}


def _sha256(fragment: str, origin: str) -> str | None:
    """The hash that an address gives; a lock that holds a broken one can never be installed."""
    found = parse_qs(fragment).get("sha256", [None])[0]
    if found is not None and not re.fullmatch("[0-9a-fA-F]{64}", found):
        raise UsageError(
            "bad-direct-reference",
            f"sha256={found} is no SHA-256",
            origin=origin,
            hint="64 hex digits, as sha256sum prints them",
        )
    return found.lower() if found is not None else None


def _version(requirement: Requirement, filename: str, origin: str) -> Version:
    if filename.endswith(".whl"):
        from torchsolve.wheel.filename import WheelName, parse

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
        hint="give the address of a .whl, a .tar.gz, a .zip or git+https://…",
    )
