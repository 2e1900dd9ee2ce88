"""Evidence: one fact, how strong it is, and where it comes from (DESIGN sections 1 and 2)."""

from __future__ import annotations

from enum import IntEnum

from torchsolve.model.values import dataclass, field


class Strength(IntEnum):
    """How much a statement weighs; a higher one wins over a lower one about the same thing."""

    CLAIMED = 1
    DECLARED = 2
    PROVEN = 3
    OBSERVED = 4

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact.

    Attributes:
        subject: what it is about: a wheel, a project, a package, an image.
        statement: what it says, as a predicate: ``needs torch==2.7.0``.
        strength: claimed, declared, proven or observed.
        origin: ``file:line``; ``METADATA of <file>``; ``<sha256> <member> <symbol>``;
            ``matrices/x.toml``.
    """

    subject: str
    statement: str
    strength: Strength
    origin: str

    def __str__(self) -> str:
        return f"{self.subject} → {self.statement} [{self.origin}]"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two statements about one thing that cannot both hold; ``fact`` is the stronger one."""

    subject: str
    claim: Evidence
    fact: Evidence


@dataclass(slots=True)
class Ledger:
    """Gives evidence its ids (``E1``, ``E2``, …) in the order of first mention."""

    _ids: dict[Evidence, str] = field(default_factory=dict)

    def id(self, evidence: Evidence) -> str:
        """The id of ``evidence``, new at the first call."""
        return self._ids.setdefault(evidence, f"E{len(self._ids) + 1}")

    def items(self) -> tuple[tuple[str, Evidence], ...]:
        """All that was mentioned, with ids, in order."""
        return tuple((key, evidence) for evidence, key in self._ids.items())
