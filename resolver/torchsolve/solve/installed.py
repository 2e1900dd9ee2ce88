"""Distributions that an image already holds, as options of the problem."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.inventory import InstalledDist
from torchsolve.model.package import Declared, DistMetadata, IndexFile
from torchsolve.solve.options import Option


def installed_option(dist: InstalledDist) -> Option:
    """One installed distribution. Raises InvalidVersion; lines that are no requirement are left."""
    version = Version(dist.version)
    label = f"{dist.name} {dist.version}"
    requires = []
    for line in dist.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        evidence = Evidence(label, f"needs {line}", Strength.DECLARED, f"installed {label}")
        requires.append(Declared(requirement, evidence))
    file = IndexFile(dist.name, version, f"{dist.name}-{dist.version}", None, "base")
    return Option(version, file, metadata=DistMetadata(dist.name, version, tuple(requires)))
