"""Exceptions: dependency edges that are deliberately not followed (DESIGN section 5).

Found by rule, never by name: a direct reference to a project that a wheel beside it, or a
requirement of the plan, already serves; and what ``--no-deps`` asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.project import WheelFact
from torchsolve.solve.question import Rules


@dataclass(frozen=True, slots=True)
class Drop:
    """An edge that is not followed: whose it is, what it asks for, why that is safe."""

    package: str
    dropped: str
    reason: str
    evidence: tuple[Evidence, ...]


def find_drop(
    name: NormalizedName, declared: Declared, rules: Rules, demanded: frozenset[str]
) -> Drop | None:
    """Why ``name`` need not follow this requirement; None when it must."""
    requirement = declared.requirement
    dependency = canonicalize_name(requirement.name)
    if (name, dependency) in rules.no_edges:
        return Drop(name, str(requirement), f"--no-deps {name}:{dependency}", (declared.evidence,))
    if requirement.url is None:
        return None
    if dependency in rules.wheels:
        beside = _bundled(rules.wheels[dependency][0])
        reason = "the wheel beside it serves"
        return Drop(name, str(requirement), reason, (declared.evidence, beside))
    if dependency in demanded:
        return Drop(name, str(requirement), "a pin of the plan serves", (declared.evidence,))
    return None


def drop_all(name: NormalizedName, requires: Iterable[Declared]) -> tuple[Drop, ...]:
    """Every edge of a package named by ``--no-deps NAME``."""
    return tuple(
        Drop(name, str(row.requirement), f"--no-deps {name}", (row.evidence,)) for row in requires
    )


def _bundled(wheel: WheelFact) -> Evidence:
    file = wheel.file
    place = file.place or file.filename
    return Evidence(file.name, f"is bundled as {file.filename}", Strength.CLAIMED, place)
