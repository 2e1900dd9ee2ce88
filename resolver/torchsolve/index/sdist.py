"""What an sdist says of its requirements, without a line of its code being run.

The first of these that speaks:

- ``PKG-INFO`` at its top, where it is static (PEP 643): declared;
- ``pyproject.toml`` at its top, where ``[project]`` leaves none of it dynamic (PEP 621): declared;
- ``<name>.egg-info/requires.txt``: claimed, for it is what ``setup.py`` said on the machine of
  whoever made the sdist.

None of them means unknown, never "no requirements".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from contextlib import closing, suppress
from typing import IO, TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from torchsolve.index.members import read_members
from torchsolve.index.sections import Section, parse_requires_txt, requires_dist
from torchsolve.model.evidence import Strength
from torchsolve.model.package import DistMetadata, IndexFile
from torchsolve.model.values import dataclass
from torchsolve.wheel.metadata import build_metadata, parse_metadata, read_headers, usable

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

_PKG_INFO, _PYPROJECT = "PKG-INFO", "pyproject.toml"
_METADATA_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")
_SAID_BY_PKG_INFO = frozenset({"requires-dist", "requires-python", "provides-extra"})
_SAID_BY_PYPROJECT = frozenset({"dependencies", "optional-dependencies", "requires-python"})


def read_sdist(stream: IO[bytes], file: IndexFile) -> DistMetadata | None:
    """The metadata of a ``.tar.gz`` or ``.zip`` sdist; None where only a build could tell.

    Raises:
        UsageError: ``bad-metadata`` where a static PKG-INFO has no usable Name and Version.
        UnknownError: what ``read_members`` raises.
    """
    found = _Found(file)
    with closing(read_members(stream, file.filename, found.wanted)) as members:
        for path, data in members:
            found.take(path, data)
            if found.pkg_info is not None and (metadata := found.declared()):
                return metadata
    return found.declared() or found.claimed()


@dataclass(slots=True)
class _Found:
    """What was met so far: at most one file of each kind.

    Attributes:
        pkg_info: the headers; None until it was met.
        requires_txt: the one nearest to the top: how deep, where, and its text. Two of one depth
            contradict each other: no text.
    """

    file: IndexFile
    top: str | None = None
    pkg_info: str | None = None
    pyproject: bytes | None = None
    requires_txt: tuple[int, str, str | None] | None = None

    def wanted(self, path: str) -> bool:
        return self._kind(path) is not None

    def take(self, path: str, data: bytes) -> None:
        kind = self._kind(path)
        if kind == _PYPROJECT:
            self.pyproject = data
        elif kind == _PKG_INFO:
            self.pkg_info = data.decode("utf-8", "replace")
        else:
            self._take_requires(path, data.decode("utf-8", "replace"))

    def declared(self) -> DistMetadata | None:
        fields = read_headers(self.pkg_info or "")
        if self.pkg_info is not None and _is_static(fields):
            return parse_metadata(self.pkg_info, self._origin(_PKG_INFO))
        said = _project(self.pyproject, self.file) if self.pyproject is not None else None
        return None if said is None else self._metadata(said, _PYPROJECT, Strength.DECLARED)

    def claimed(self) -> DistMetadata | None:
        if self.requires_txt is None or self.requires_txt[2] is None:
            return None
        sections = parse_requires_txt(self.requires_txt[2])
        if sections is None:
            return None
        source = "/".join(self.requires_txt[1].split("/")[-2:])
        return self._metadata(_Said(sections), source, Strength.CLAIMED)

    def _kind(self, path: str) -> str | None:
        """The name of a member that speaks. All lie in one folder, that of the first member."""
        parts = path.removeprefix("./").split("/")
        if len(parts) < 2 or not {"", ".", ".."}.isdisjoint(parts):
            return None
        self.top = self.top or parts[0]
        if parts[0] != self.top:
            return None
        if len(parts) == 2:
            return parts[1] if parts[1] in (_PKG_INFO, _PYPROJECT) else None
        return parts[-1] if parts[-1] == "requires.txt" and self._is_ours(parts[-2]) else None

    def _is_ours(self, folder: str) -> bool:
        stem = folder.removesuffix(".egg-info")
        return stem != folder and canonicalize_name(stem) == self.file.name

    def _take_requires(self, path: str, text: str) -> None:
        depth = path.removeprefix("./").count("/")
        if self.requires_txt is None or depth < self.requires_txt[0]:
            self.requires_txt = (depth, path, text)
        elif depth == self.requires_txt[0]:
            # The same path again replaces the first one, as it does where it is unpacked.
            same = path == self.requires_txt[1]
            self.requires_txt = (depth, path, text if same else None)

    def _metadata(self, said: _Said, source: str, strength: Strength) -> DistMetadata:
        fields, origin = read_headers(self.pkg_info or ""), self._origin(source)
        lines, notes = usable(requires_dist(said.sections), origin)
        return build_metadata(
            self.file.name,
            _version(fields.get("version"), said.version, str(self.file.version)),
            lines,
            origin=origin,
            requires_python=fields.get("requires_python") or said.requires_python,
            extras=list(dict.fromkeys(s.extra for s in said.sections if s.extra)),
            notes=notes,
            strength=strength,
        )

    def _origin(self, source: str) -> str:
        return f"{source} of {self.file.filename}"


@dataclass(frozen=True, slots=True)
class _Said:
    sections: tuple[Section, ...]
    requires_python: str | None = None
    version: str | None = None


def _is_static(fields: RawMetadata) -> bool:
    dynamic = {name.lower() for name in fields.get("dynamic", ())}
    version = _METADATA_VERSION.fullmatch(fields.get("metadata_version", ""))
    if version is None or (int(version[1]), int(version[2])) < (2, 2):
        return False
    return _SAID_BY_PKG_INFO.isdisjoint(dynamic)


def _project(data: bytes, file: IndexFile) -> _Said | None:
    """What ``[project]`` says; None where it leaves it to a build, or is malformed."""
    with suppress(ValueError, RecursionError):
        table = tomllib.loads(data.decode("utf-8-sig"))
        project = _table(table, "project")
        if _is_said(project, table, file):
            return _Said(
                tuple(_sections(project)),
                _text(project.get("requires-python")),
                _text(project.get("version")),
            )
    return None


def _is_said(project: dict[str, Any], table: dict[str, Any], file: IndexFile) -> bool:
    if canonicalize_name(_text(project.get("name")) or "") != file.name:
        return False
    if not _SAID_BY_PYPROJECT.isdisjoint(_texts(project.get("dynamic", []))):
        return False
    # Poetry takes its own table for what [project] leaves out, dynamic or not.
    poetry = _table(_table(table, "tool"), "poetry")
    return "dependencies" in project or "dependencies" not in poetry


def _sections(project: dict[str, Any]) -> Iterable[Section]:
    yield Section(_texts(project.get("dependencies", [])))
    for extra, lines in _table(project, "optional-dependencies").items():
        yield Section(_texts(lines), extra)


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{key} is no table")  # noqa: TRY004
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("not a list of texts")
    return tuple(value)


def _version(*texts: str | None) -> str:
    """The first that is a version."""
    for text in filter(None, texts):
        with suppress(ValueError):
            return str(Version(text))
    raise AssertionError("the file's own version is one")
