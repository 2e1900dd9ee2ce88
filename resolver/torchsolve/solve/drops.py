"""Exceptions: dependency edges that are deliberately not followed (DESIGN section 5).

Found by rule, never by name: a direct reference to a project that a wheel beside it, or a
requirement of the plan, already serves; and what ``--no-deps`` and ``--exclude`` ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.utils import NormalizedName

from torchsolve.model.evidence import Evidence
from torchsolve.model.values import dataclass
from torchsolve.solve.needs import Need
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
    need: Need,
    rules: Rules,
    demanded: frozenset[str],
    left_out: Mapping[NormalizedName, str],
) -> Drop | None:
    """Why ``package`` need not follow this requirement; None when it must.

    ``left_out``: of the question: names that nobody gets, with the reason.
    """
    name = need.name
    if (package, name) in rules.no_edges:
        return _drop(package, need, f"--no-deps {package}:{name}")
    if name in left_out:
        return _drop(package, need, left_out[name])
    if not need.direct:
        return None
    if name in rules.wheels:
        return _drop(package, need, "the wheel beside it serves")
    if name in demanded:
        return _drop(package, need, "a pin of the plan serves")
    return None


def drop_all(package: NormalizedName, needs: Iterable[Need]) -> tuple[Drop, ...]:
    """Every edge of a package named by ``--no-deps NAME``."""
    return tuple(_drop(package, need, f"--no-deps {package}") for need in needs)


def _drop(package: NormalizedName, need: Need, reason: str) -> Drop:
    return Drop(package, need.name, str(need.requirement), reason, need.evidence)
