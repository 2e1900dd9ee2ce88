"""A lock of another run or tool as a project: ``pylock.toml`` (PEP 751), ``uv.lock``.

A ``pylock.toml`` says what is to be installed: each entry is a requirement on its exact version. A
``uv.lock`` says which versions a project has everywhere: what the project itself asks for is
required, and every locked version bounds. In both, the hashes of an entry are the only ones taken.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

from packaging.pylock import Package, PackageArchive, PackageVcs, Pylock, PylockValidationError
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from torchsolve.defaults import default_index_url
from torchsolve.errors import UsageError
from torchsolve.facts import load_facts
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.project import IndexOption, ProjectFacts, ProjectKind, SourceLocation
from torchsolve.model.values import dataclass, field
from torchsolve.project.named import without_secrets
from torchsolve.project.options import ReadOptions

# What a reader of tables meets where something else stands.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError)


def lock_file(path: Path, reference: str, options: ReadOptions) -> ProjectFacts:
    """The pins of a lock. Raises UsageError ``bad-lock``, ``unknown-extra``, ``unknown-group``."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        read = _uv_lock if path.name == "uv.lock" else _pylock
        found = read(document, _Found(path, str(path)), options)
    except (OSError, PylockValidationError, *_MALFORMED) as error:
        raise _bad(path, error) from None
    return ProjectFacts(
        name=path.name,
        reference=reference,
        kind=ProjectKind.REQUIREMENTS,
        requirements=tuple(found.requirements),
        constraints=tuple(found.constraints),
        indexes=tuple(found.indexes.values()),
        requires_python=_text(document.get("requires-python")),
        hashes=tuple(sorted((name, frozenset(all_)) for name, all_ in found.hashes.items())),
        source=SourceLocation(path=str(path.resolve().parent)),
        notes=tuple(found.notes),
        # Of a uv.lock each that is not there was refused.
        lacking=frozenset() if path.name == "uv.lock" else options.lacking(),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _bad(path: Path, error: Exception) -> UsageError:
    why = (
        str(error)
        if isinstance(error, OSError | PylockValidationError | ValueError)
        else repr(error)
    )
    hint = "lock again with the tool that made it"
    return UsageError("bad-lock", f"this is no lock: {why}", origin=str(path), hint=hint)


@dataclass(slots=True)
class _Found:
    path: Path
    origin: str
    requirements: list[Declared] = field(default_factory=list)
    constraints: list[Declared] = field(default_factory=list)
    indexes: dict[str, IndexOption] = field(default_factory=dict)
    hashes: dict[str, set[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ask(self, text: str, verb: str = "needs") -> None:
        """A requirement, or with ``allows only`` a bound."""
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise ValueError(f"{text!r}: {str(error).splitlines()[0]}") from None
        said = Evidence(self.path.name, f"{verb} {requirement}", Strength.DECLARED, self.origin)
        rows = self.requirements if verb == "needs" else self.constraints
        rows.append(Declared(requirement, said))

    def hashed(self, name: str, digests: Iterable[str]) -> None:
        """The hashes that are allowed for a name: ``sha256:…``."""
        self.hashes.setdefault(canonicalize_name(name), set()).update(digests)

    def from_index(self, name: str, url: str | None) -> None:
        """The index of an entry, where it is not one that torchsolve chooses itself."""
        if not url or _plain(url) == _plain(default_index_url()):
            return
        if urlsplit(url).hostname == urlsplit(load_facts().torch.index).hostname:
            return
        key = canonicalize_name(name)
        row = IndexOption("--index-url", without_secrets(url), self.origin, package=key)
        self.indexes.setdefault(key, row)


def _plain(url: str) -> str:
    return without_secrets(url).rstrip("/")


# -- PEP 751 ---------------------------------------------------------------------------------------


def _pylock(document: Mapping[str, Any], found: _Found, _: ReadOptions) -> _Found:
    lock = Pylock.from_dict(document)
    for entry in lock.packages:
        marker = f" ; {entry.marker}" if entry.marker else ""
        if entry.version is not None and (entry.wheels or entry.sdist):
            found.ask(f"{entry.name}=={entry.version}{marker}")
            found.from_index(entry.name, entry.index)
            found.hashed(entry.name, _digests(entry))
        elif entry.vcs is not None:
            found.ask(f"{entry.name} @ {_vcs(entry.vcs)}{marker}")
        elif entry.archive is not None and entry.archive.url:
            found.ask(f"{entry.name} @ {_archive(entry.archive)}{marker}")
        else:
            found.notes.append(f"{found.origin}: {entry.name} is a folder or file and left out")
    return found


def _digests(entry: Package) -> Iterator[str]:
    for file in (*(entry.wheels or ()), *((entry.sdist,) if entry.sdist else ())):
        if "sha256" in file.hashes:
            yield f"sha256:{file.hashes['sha256']}"


def _vcs(vcs: PackageVcs) -> str:
    if vcs.type != "git":
        raise ValueError(f"{vcs.type} is not followed, git is")
    place = vcs.url or Path(str(vcs.path)).resolve().as_uri()
    tail = f"#subdirectory={vcs.subdirectory}" if vcs.subdirectory else ""
    return f"git+{place}@{vcs.commit_id}{tail}"


def _archive(archive: PackageArchive) -> str:
    digest = archive.hashes.get("sha256")
    return f"{archive.url}#sha256={digest}" if digest else str(archive.url)


# -- uv.lock ---------------------------------------------------------------------------------------


def _uv_lock(document: Mapping[str, Any], found: _Found, options: ReadOptions) -> _Found:
    packages: list[dict[str, Any]] = document["package"]
    own = [row for row in packages if {"virtual", "editable"} & row["source"].keys()]
    names = {row["name"] for row in own}
    for need in (need for row in own for need in row.get("dependencies", [])):
        _need(need, names, found)
    _chosen(own, "optional-dependencies", options.extras, found, "extra", names)
    _chosen(own, "dev-dependencies", options.groups, found, "group", names)
    for row in packages:
        if row["name"] not in names:
            _locked(row, found)
    return found


def _chosen(
    own: list[dict[str, Any]],
    key: str,
    asked: tuple[str, ...],
    found: _Found,
    what: str,
    names: set[str],
) -> None:
    """What extras or groups of the project add. Raises UsageError for one that is not there."""
    tables: list[dict[str, Any]] = [row.get(key, {}) for row in own]
    known: dict[str, Any] = {canonicalize_name(k): v for table in tables for k, v in table.items()}
    for name in asked:
        if name not in known:
            raise UsageError(
                f"unknown-{what}",
                f"there is no {what} {name} in {found.path.name}",
                origin=found.origin,
                hint=f"it has {', '.join(sorted(known)) or 'none'}",
            )
        for need in known[name]:
            _need(need, names, found)


def _need(need: Mapping[str, Any], names: set[str], found: _Found) -> None:
    if need["name"] in names:
        return  # another project of the workspace: its own needs are asked for beside it
    extras = f"[{','.join(need['extra'])}]" if need.get("extra") else ""
    marker = f" ; {need['marker']}" if need.get("marker") else ""
    address = _address(need.get("source", {}))
    if address is not None:
        found.ask(f"{need['name']}{extras} @ {address}{marker}")
        return
    exact = f"=={need['version']}" if need.get("version") else ""
    found.ask(f"{need['name']}{extras}{exact}{marker}")


def _locked(row: Mapping[str, Any], found: _Found) -> None:
    """One version that the lock allows; of several each holds under its own markers."""
    source = row["source"]
    address = _address(source)
    if address is not None:
        found.notes.append(f"{found.origin}: {row['name']} is locked at {address}")
        return
    if "registry" not in source:
        place = next(iter(source.values()), "?")
        found.notes.append(f"{found.origin}: {row['name']} lies in {place} and is left out")
        return
    markers = [f"({text})" for text in row.get("resolution-markers", [])]
    marker = f" ; {' or '.join(markers)}" if markers else ""
    found.ask(f"{row['name']}=={row['version']}{marker}", "allows only")
    found.from_index(row["name"], source["registry"])
    files = (*row.get("wheels", ()), *((row["sdist"],) if "sdist" in row else ()))
    digests = [file["hash"] for file in files if str(file.get("hash", "")).startswith("sha256:")]
    found.hashed(row["name"], digests)


def _address(source: Mapping[str, Any]) -> str | None:
    """The direct reference of a source: git at its commit, or a file."""
    if "git" in source:
        url, commit = urldefrag(source["git"])
        place, _, query = url.partition("?")
        parts = dict(part.partition("=")[::2] for part in query.split("&"))
        tail = f"#subdirectory={parts['subdirectory']}" if parts.get("subdirectory") else ""
        return f"git+{place}@{commit}{tail}"
    return str(source["url"]) if "url" in source else None
