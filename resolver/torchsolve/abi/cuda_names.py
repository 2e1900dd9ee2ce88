"""Names of the CUDA runtime, nvrtc and nvJitLink: the version that first exports each.

All names of one such library carry one version node, its SONAME: only this table tells minors
apart. Inside one major no version drops a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from torchsolve.abi.table import check_schema
from torchsolve.errors import UnknownError

CUDA = "cuda.json"
SCHEMA = "torchsolve.cuda/1"


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
    """All families by SONAME, oldest major first."""

    families: Mapping[str, Family]

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
    """Reads the file of ``assemble.cuda_file``; nothing is known where there is none.

    Raises UnknownError ``bad-atlas``.
    """
    if not (folder / CUDA).exists():
        return CudaNames({})
    try:
        data = json.loads((folder / CUDA).read_bytes())
        check_schema(data, SCHEMA)
        return CudaNames({row["soname"]: _family(row) for row in data["families"]})
    except (ValueError, LookupError, TypeError) as error:
        raise UnknownError("bad-atlas", f"the atlas cannot be read: {error}") from error


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
