"""``[tool.uv.sources]`` and ``[[tool.uv.index]]``: where a project takes a requirement from.

https://docs.astral.sh/uv/concepts/projects/dependencies/ . What cannot be followed is noted: the
requirement then means the index's package of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from torchsolve.facts import load_facts
from torchsolve.model.package import Declared
from torchsolve.model.project import IndexOption
from torchsolve.model.uv_config import DEFAULT, tables, uv_rows
from torchsolve.model.values import dataclass, field, replace
from torchsolve.project.named import without_secrets

# The target is Linux; what else a marker asks is not known while a project is read.
_LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


@dataclass(slots=True)
class UvSources:
    """The tables of one file.

    Attributes:
        indexes: those that all packages may come from, then those of single packages.
        notes: what was not followed, and why.
    """

    uv: Mapping[str, Any]
    path: str
    indexes: list[IndexOption] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        origin = f"{self.path} [tool.uv]"
        only = {"index": self.uv.get("index"), "pip": self.uv.get("pip")}
        self.indexes += uv_rows({**only, **{k: self.uv[k] for k in _KEYS & self.uv.keys()}}, origin)

    def applied(self, rows: Iterable[Declared]) -> list[Declared]:
        """The requirements, those with a source pointing at it."""
        return [self._applied(row) for row in rows]

    def _applied(self, row: Declared) -> Declared:
        requirement = row.requirement
        if requirement.url:
            return row
        source = self._source(canonicalize_name(requirement.name))
        if source is None:
            return row
        if "index" in source:
            self._from_index(canonicalize_name(requirement.name), str(source["index"]))
            return row
        address = _address(source)
        if address is None:
            where = ", ".join(f"{k} {v}" for k, v in source.items() if k != "marker")
            self.notes.append(
                f"{self.path}: {requirement.name} has a source ({where}) that is not followed; "
                "the index's package of that name is taken"
            )
            return row
        return self._direct(row, address)

    def _source(self, name: str) -> Mapping[str, Any] | None:
        """The first source of a name whose marker holds on Linux."""
        sources = self.uv.get("sources")
        for key, value in sources.items() if isinstance(sources, Mapping) else ():
            if canonicalize_name(key) == name:
                rows = [value] if isinstance(value, Mapping) else tables(value)
                return next((row for row in rows if self._holds(key, row.get("marker"))), None)
        return None

    def _holds(self, name: str, marker: object) -> bool:
        if not isinstance(marker, str):
            return True
        if "python" in marker or "machine" in marker:
            self.notes.append(f"{self.path}: a source of {name} is only for {marker}; not followed")
            return False
        try:
            return Marker(marker).evaluate(_LINUX)
        except InvalidMarker:
            self.notes.append(f"{self.path}: a source of {name} has a bad marker: {marker}")
            return False

    def _from_index(self, name: str, index: str) -> None:
        found = next((row for row in tables(self.uv.get("index")) if row.get("name") == index), {})
        url = found.get("url")
        if not isinstance(url, str):
            self.notes.append(f"{self.path}: {name} is to come from {index}, which has no URL here")
        elif urlsplit(url).hostname == urlsplit(load_facts().torch.index).hostname:
            tag = url.rstrip("/").rpartition("/")[2]
            self.notes.append(
                f"{self.path}: {name} is to come from torch's index for {tag}; the cell's CUDA "
                f"decides that here (--cuda {tag})"
            )
        else:
            origin = f"{self.path} [tool.uv.sources]"
            self.indexes.append(IndexOption(DEFAULT, url, origin, index, name))

    def _direct(self, row: Declared, address: str) -> Declared:
        requirement = row.requirement
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        clean = without_secrets(address)
        if clean != address:
            self.notes.append(f"{self.path}: credentials in the address are left out")
        try:
            found = Requirement(f"{requirement.name}{extras} @ {clean}{marker}")
        except InvalidRequirement:
            self.notes.append(f"{self.path}: the source of {requirement.name} is no address")
            return row
        said = replace(row.evidence, statement=f"needs {found}")
        return Declared(found, said)


_KEYS = {"index-url", "extra-index-url", "find-links", "no-index"}


def _address(source: Mapping[str, Any]) -> str | None:
    """A direct reference; None for a folder, and for a project of the same workspace."""
    tail = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
    if isinstance(source.get("git"), str):
        rev = next((source[key] for key in ("rev", "tag", "branch") if source.get(key)), None)
        return f"git+{source['git']}{f'@{rev}' if rev else ''}{tail}"
    if isinstance(source.get("url"), str):
        return f"{source['url']}{tail}"
    return None
