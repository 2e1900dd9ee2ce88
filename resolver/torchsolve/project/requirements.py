"""Requirements files with all that they include, as pip reads them.

Two ways to meet a bad line: in a file that the user named it is an error; in a file that came with
a repository it is noted: that file is not the user's to mend, and the rest of it still holds.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

from packaging.utils import canonicalize_name

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.project import IndexOption
from torchsolve.model.trace import looked_at
from torchsolve.model.values import dataclass, field
from torchsolve.project.lines import Line, logical_lines
from torchsolve.project.named import LocalPath, Named, RequirementError, parse, without_secrets
from torchsolve.wheel.metadata import has_variant_marker

if TYPE_CHECKING:
    from torchsolve.project.download import Download

_INDEX_OPTIONS = {
    "index_url": "--index-url",
    "extra_index_urls": "--extra-index-url",
    "find_links": "--find-links",
    "no_index": "--no-index",
}
_DEEPEST = 50
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_QUIET = {"trusted_hosts", "features", "editables", "requirements", "constraints", "hashes"}
_FOLLOWED = {*_INDEX_OPTIONS, "no_binary", "only_binary", "pre", "require_hashes", *_QUIET}
_PER_REQUIREMENT = {"hashes"}
_UNBUILT = "is not followed: nothing is built while solving, and the image does not pass it on"
# Options that pip heeds and torchsolve does not, and what that means.
_NOTED = {
    "global_options": _UNBUILT,
    "install_options": _UNBUILT,
    "config": _UNBUILT,
}


class Files(Protocol):
    """Where included files are read from."""

    def read(self, path: str) -> bytes | None:
        """Bytes, or None where the file is not there."""
        ...

    def beside(self, path: str, included: str) -> str:
        """The path that ``included`` means in the file ``path``."""
        ...

    def links(self, path: str, value: str) -> str | None:
        """What ``--find-links`` means in the file ``path``; None: not to be looked at."""
        ...


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """Files anywhere on disk or at an address, for a requirements file that the user named."""

    download: Download | None = None

    def read(self, path: str) -> bytes | None:
        """Bytes, or None where there is no such file. Raises what ``download`` raises."""
        if _ADDRESS.match(path):
            from torchsolve.project.download import small

            return small(path, self.download)
        try:
            return Path(path).read_bytes()
        except OSError:
            return None

    def beside(self, path: str, included: str) -> str:
        """Relative to the folder of the including file, as pip does."""
        if _ADDRESS.match(path) or _ADDRESS.match(included):
            return urljoin(path, included)
        return os.path.normpath(Path(path).parent / included)

    def links(self, path: str, value: str) -> str | None:
        """A folder beside the including file where there is one, as pip does."""
        beside = Path(path).parent / value
        looked_at(beside)
        return str(beside.resolve()) if beside.exists() else value


@dataclass(frozen=True, slots=True)
class TreeFiles:
    """Files of a project's tree; nothing outside it can be included."""

    load: Callable[[str], bytes | None]

    def read(self, path: str) -> bytes | None:
        """Bytes, or None where the tree has no such file; an address is no part of the tree."""
        return self.load(path)

    def beside(self, path: str, included: str) -> str:
        """Relative to the folder of the including file."""
        if _ADDRESS.match(included):
            return included
        return posixpath.normpath(posixpath.join(posixpath.dirname(path), included))

    def links(self, path: str, value: str) -> str | None:  # noqa: ARG002 - the Protocol's name
        """Pages only: a repository has no say over folders of this machine."""
        return value if _ADDRESS.match(value) else None


@dataclass(frozen=True, slots=True)
class LocalRequirement:
    """A path that a file asks to be installed, with the line that does."""

    local: LocalPath
    origin: str

    @property
    def unknown(self) -> str:
        """The note for a path whose dependencies only a build could tell."""
        return (
            f"{self.origin}: what {self.local.path} depends on is unknown without building it; "
            "it is not installed in the image"
        )

    @property
    def solved(self) -> str:
        """The note for a folder whose dependencies are known: it is no wheel to install."""
        typed = ("-e " if self.local.editable else "") + self.local.path
        return (
            f"{self.origin}: {typed}: its dependencies are solved; "
            "the package itself is not installed in the image"
        )


@dataclass(slots=True)
class RequirementSet:
    """What a requirements file and all that it includes add up to."""

    requirements: list[Declared] = field(default_factory=list)
    constraints: list[Declared] = field(default_factory=list)
    local: list[LocalRequirement] = field(default_factory=list)
    indexes: list[IndexOption] = field(default_factory=list)
    no_binary: set[str] = field(default_factory=set)
    only_binary: set[str] = field(default_factory=set)
    require_hashes: bool = False
    pre: bool = False
    hashes: dict[str, set[str]] = field(default_factory=dict)
    files: set[tuple[str, bool]] = field(default_factory=set)
    named: set[tuple[str, bool]] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one requirements file into ``result``.

    Args:
        subject: the project that asks, for evidence.
        strict: a bad line raises UsageError ``bad-requirement`` instead of being noted.
        expand: put environment variables in. Never for files of a repository that was fetched: it
            could send any variable of this machine to an index of its choice.
    """

    files: Files
    subject: str
    strict: bool
    expand: bool
    result: RequirementSet = field(default_factory=RequirementSet)

    def read(self, path: str, data: bytes) -> RequirementSet:
        """All that ``path``, whose bytes are ``data``, asks for."""
        self._file(path, data, constraint=False, above=())
        return self.result

    def read_constraints(self, path: str, data: bytes) -> RequirementSet:
        """``path`` as a constraints file: its lines bound versions."""
        self._file(path, data, constraint=True, above=())
        return self.result

    def _file(self, path: str, data: bytes, *, constraint: bool, above: tuple[str, ...]) -> None:
        # Once is enough: what a file asks for does not depend on who includes it.
        if (path, constraint) in self.result.files:
            return
        self.result.files.add((path, constraint))
        for line in logical_lines(data, expand=self.expand):
            origin = f"{path}:{line.number}"
            if line.error:
                self._bad(origin, line.raw, line.error)
            elif line.requirement or "editables" in line.options:
                self._requirement(line, origin, constraint=constraint)
            else:
                self._options(line, path, origin)
                self._include(line, path, origin, (*above, path))

    def _bad(self, origin: str, raw: str, why: str) -> None:
        if self.strict:
            raise UsageError(
                "bad-requirement",
                f"cannot read “{_shown(raw)}”: {why}",
                origin=origin,
                hint="mend the line, or take it out",
            )
        self.result.notes.append(f"{origin}: “{_shown(raw)}” is not a requirement: {why}")

    def _requirement(self, line: Line, origin: str, *, constraint: bool) -> None:
        editable = not line.requirement
        text = line.requirement or line.options["editables"][0]
        try:
            what = parse(text, editable=editable)
        except RequirementError as error:
            if has_variant_marker(text):
                self.result.notes.append(f"{origin}: set aside, variant marker: {_shown(line.raw)}")
            else:
                self._bad(origin, line.raw, str(error))
            return
        self._ignored(line, origin, _PER_REQUIREMENT | {"editables"})
        if isinstance(what, Named):
            self._named(what, line, origin, constraint=constraint)
        elif constraint:
            self._bad(origin, line.raw, "a constraint needs a name")
        else:
            self.result.local.append(LocalRequirement(what, origin))

    def _named(self, what: Named, line: Line, origin: str, *, constraint: bool) -> None:
        requirement = what.requirement
        if constraint and requirement.extras:
            self._bad(origin, line.raw, "a constraint cannot have extras")
            return
        if what.claimed:
            self.result.notes.append(
                f"{origin}: the name {requirement.name} is {what.claimed}: nothing states it"
            )
        if what.redacted:
            self.result.notes.append(f"{origin}: credentials in the address are left out")
        strength = Strength.CLAIMED if what.claimed else Strength.DECLARED
        verb = "allows only" if constraint else "needs"
        evidence = Evidence(self.subject, f"{verb} {what}", strength, origin)
        key = (str(requirement), constraint)
        if key not in self.result.named:
            self.result.named.add(key)
            place = self.result.constraints if constraint else self.result.requirements
            place.append(Declared(requirement, evidence))
        for value in line.options.get("hashes", ()):
            self.result.hashes.setdefault(canonicalize_name(requirement.name), set()).add(value)

    def _ignored(self, line: Line, origin: str, known: set[str]) -> None:
        unused = sorted(key for key in line.options if key not in known | _NOTED.keys())
        if unused:
            names = ", ".join(map(line.typed, unused))
            self.result.notes.append(f"{origin}: {names} has no effect here and is left out")
        self.result.notes.extend(
            f"{origin}: {line.typed(key)} {why}"
            for key, why in _NOTED.items()
            if key in line.options
        )
        if line.leftover:
            self.result.notes.append(f"{origin}: {' '.join(line.leftover)} is ignored, as pip does")

    def _options(self, line: Line, path: str, origin: str) -> None:
        self._ignored(line, origin, _FOLLOWED)
        for key, kind in _INDEX_OPTIONS.items():
            for value in line.options.get(key, ()):
                self._index(kind, value, path, origin)
        no_binary, only_binary = self.result.no_binary, self.result.only_binary
        for value in line.options.get("no_binary", ()):
            _format_control(value, no_binary, only_binary)
        for value in line.options.get("only_binary", ()):
            _format_control(value, only_binary, no_binary)
        self.result.require_hashes |= "require_hashes" in line.options
        self.result.pre |= "pre" in line.options

    def _index(self, kind: str, value: str, path: str, origin: str) -> None:
        url: str | None = "" if kind == "--no-index" else value
        if kind == "--find-links":
            url = self.files.links(path, value)
        if url is None:
            self.result.notes.append(
                f"{origin}: {value} is a local place; wheels of the project itself are read anyway"
            )
        else:
            self.result.indexes.append(IndexOption(kind, url, origin))

    def _include(self, line: Line, path: str, origin: str, above: tuple[str, ...]) -> None:
        key = next((k for k in ("requirements", "constraints") if k in line.options), None)
        if key is None:
            return
        included = line.options[key][0]
        target = self.files.beside(path, included)
        if target in above or len(above) > _DEEPEST:
            self._bad(origin, line.raw, f"{target} includes itself, or too many others")
            return
        data = self.files.read(target)
        if data is None:
            self._bad(origin, line.raw, f"there is no file {target}")
            return
        # As in pip, ``-r`` asks for things even inside a constraints file.
        self._file(target, data, constraint=key == "constraints", above=above)


def _format_control(value: str, chosen: set[str], other: set[str]) -> None:
    """``:none:`` empties what was said, ``:all:`` replaces it; a name leaves the other set."""
    for name in (part.strip() for part in value.split(",")):
        if name in (":none:", ":all:"):
            chosen.clear()
        if name == ":all:":
            other.clear()
            chosen.add(name)
        elif name and name != ":none:":
            chosen.add(canonicalize_name(name))
            other.discard(canonicalize_name(name))


def _shown(raw: str) -> str:
    """The line, fit for a message: no credentials, not endless."""
    text = " ".join(without_secrets(word) if "://" in word else word for word in raw.split())
    return text if len(text) <= 120 else text[:117] + "…"
