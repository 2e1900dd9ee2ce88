"""Exceptions: dependency edges that are deliberately not followed (DESIGN section 5).

Found by rule, never by name: a direct reference to a project that a wheel beside it, or a
requirement of the plan, already serves; and what ``--no-deps`` and ``--exclude`` ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name

from torchsolve.model.evidence import Evidence
from torchsolve.model.package import Declared
from torchsolve.solve.question import Rules


@dataclass(frozen=True, slots=True)
class Drop:
    """An edge that is not followed: whose it is, what it asks for (``name``), why that is safe."""

    package: str
    name: NormalizedName
    dropped: str
    reason: str
    evidence: Evidence


def find_drop(
    package: NormalizedName,
    declared: Declared,
    rules: Rules,
    demanded: frozenset[str],
    left_out: Mapping[NormalizedName, str],
) -> Drop | None:
    """Why ``package`` need not follow this requirement; None when it must.

    ``left_out``: of the question: names that nobody gets, with the reason.
    """
    requirement = declared.requirement
    name = canonicalize_name(requirement.name)
    if (package, name) in rules.no_edges:
        return _drop(package, declared, f"--no-deps {package}:{name}")
    if name in left_out:
        return _drop(package, declared, left_out[name])
    if requirement.url is None:
        return None
    if name in rules.wheels:
        return _drop(package, declared, "the wheel beside it serves")
    if name in demanded:
        return _drop(package, declared, "a pin of the plan serves")
    return None


def drop_all(package: NormalizedName, requires: Iterable[Declared]) -> tuple[Drop, ...]:
    """Every edge of a package named by ``--no-deps NAME``."""
    return tuple(_drop(package, row, f"--no-deps {package}") for row in requires)


def _drop(package: NormalizedName, declared: Declared, reason: str) -> Drop:
    requirement = declared.requirement
    name = canonicalize_name(requirement.name)
    return Drop(package, name, str(requirement), reason, declared.evidence)
