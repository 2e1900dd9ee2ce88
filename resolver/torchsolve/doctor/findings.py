"""What an examination ends with; what ``report/`` renders."""

from __future__ import annotations

from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and its cause.

    Attributes:
        reference: kebab-case; of a recognized text the id of its row in ``matrices/``.
        where: ``line 15``, ``2 lines, first 15``, a distribution, a path.
        text: what was read there.
        details: what the tables and the atlas know of the very names in the text.
    """

    reference: str
    where: str
    text: str
    cause: str
    fix: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examined:
    """One subject.

    Attributes:
        kind: log, plan, environment, image or host.
        facts: ``(torch, 2.7.0+cu126)``, in the order in which they are of use.
        unexplained: ``(where, complaint)`` that no rule knows: never taken for fine.
        notes: what could not be looked at, and why.
    """

    kind: str
    name: str
    facts: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] = ()
    unexplained: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
