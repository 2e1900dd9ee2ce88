"""CUDA wheels: who brings which library; and the version that first exports a name.

The names are those of the CUDA runtime, nvrtc and nvJitLink.

All names of one such library carry one version node, its SONAME: only this table tells minors
apart. Inside one major no version drops a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from torchsolve.abi.table import check_schema
from torchsolve.errors import UnknownError
from torchsolve.model.values import dataclass, field, replace

if TYPE_CHECKING:
    from torchsolve.abi.record import CudaRecord

CUDA = "cuda.json"
_SCHEMA = "torchsolve.cuda/1"
_BUILTINS = "builtins"  # nvrtc's, which nothing links


@dataclass(frozen=True, slots=True)
class Family:
    """One library of one CUDA major.

    Attributes:
        package: that brings it; ``nvidia-cuda-runtime-cu12``.
        versions: that were read, oldest first.
        first: name → the version that first exports it.
    """

    soname: str
    package: str
    versions: tuple[Version, ...]
    first: Mapping[str, Version]


@dataclass(frozen=True, slots=True)
class CudaNames:
    """What was read.

    Attributes:
        families: by SONAME, oldest major first.
        wheels: package → version → file names and SONAMEs that it brings, sorted.
    """

    families: Mapping[str, Family] = field(default_factory=dict)
    wheels: Mapping[str, Mapping[Version, tuple[str, ...]]] = field(default_factory=dict)

    def brings(self, package: str, version: Version) -> tuple[str, ...] | None:
        """File names and SONAMEs of a CUDA wheel's libraries; None where it was not read."""
        return self.wheels.get(package, {}).get(version)

    def first(self, name: str, soname: str | None = None) -> tuple[str, Version] | None:
        """See ``Atlas.cuda_first``."""
        for family in self.families.values():
            if soname in (None, family.soname) and name in family.first:
                return family.soname, family.first[name]
        return None

    def missing(self, soname: str, version: Version, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that this version lacks; all of a family that is unknown."""
        family = self.families.get(soname)
        first = family.first if family else {}
        return tuple(name for name in names if name not in first or first[name] > version)


def read_cuda_names(folder: Path) -> CudaNames:
    """Reads the file of ``dump_cuda``; nothing is known where there is none.

    Raises UnknownError ``bad-atlas``.
    """
    if not (folder / CUDA).exists():
        return CudaNames()
    try:
        data = json.loads((folder / CUDA).read_bytes())
        check_schema(data, _SCHEMA)
        wheels = {
            package: {Version(version): tuple(names) for version, names in versions.items()}
            for package, versions in data["wheels"].items()
        }
        return CudaNames({row["soname"]: _family(row) for row in data["families"]}, wheels)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnknownError("bad-atlas", f"the atlas cannot be read: {error}") from error


def with_records(known: CudaNames, records: Iterable[CudaRecord]) -> CudaNames:
    """What was known and what these wheels say, in whatever order they were read."""
    families = dict(known.families)
    wheels = {package: dict(versions) for package, versions in known.wheels.items()}
    for record in records:
        version = Version(record.version)
        sonames = {facts.soname for facts in record.libraries.values() if facts.soname}
        brought = tuple(sorted(sonames.union(record.libraries)))
        wheels.setdefault(record.package, {})[version] = brought
        for library, names in record.exports.items():
            soname = record.libraries[library].soname
            if soname and names and _BUILTINS not in soname:
                old = families.get(soname) or Family(soname, record.package, (), {})
                families[soname] = _with_names(old, version, names)
    return CudaNames(dict(sorted(families.items(), key=_order)), wheels)


def dump_cuda(names: CudaNames) -> bytes:
    """The file of what is known; the same facts give the same bytes."""
    wheels = {
        package: {str(version): versions[version] for version in sorted(versions)}
        for package, versions in sorted(names.wheels.items())
    }
    rows = [_row(family) for family in names.families.values()]
    return (json.dumps({"schema": _SCHEMA, "families": rows, "wheels": wheels}) + "\n").encode()


def _with_names(family: Family, version: Version, names: Iterable[str]) -> Family:
    first = dict(family.first)
    # Their one version node is listed among the symbols.
    for name in set(names) - {family.soname}:
        first[name] = min(first.get(name, version), version)
    return replace(family, versions=tuple(sorted({*family.versions, version})), first=first)


def _order(item: tuple[str, Family]) -> tuple[str, Version]:
    return item[0].partition(".so")[0], item[1].versions[0]


def _row(family: Family) -> dict[str, object]:
    first: dict[str, list[str]] = {}
    for name, version in sorted(family.first.items(), key=lambda item: (item[1], item[0])):
        first.setdefault(str(version), []).append(name)
    return {
        "soname": family.soname,
        "package": family.package,
        "versions": list(map(str, family.versions)),
        "first": first,
    }


def _family(row: dict[str, object]) -> Family:
    first, versions = row["first"], row["versions"]
    if not isinstance(first, dict) or not isinstance(versions, list):
        raise TypeError("a family is none")
    return Family(
        str(row["soname"]),
        str(row["package"]),
        tuple(map(Version, versions)),
        {name: Version(version) for version, names in first.items() for name in names},
    )
