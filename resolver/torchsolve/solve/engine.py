"""The engine interface: one question in, picks or the reason out.

Engines read a ``Problem`` and nothing else. What a binary is reaches them as an edge of its option,
read before the option is decided (``Problem.edges``).
"""

from __future__ import annotations

from typing import Protocol

from torchsolve.model.values import dataclass
from torchsolve.solve.problem import Problem


@dataclass(frozen=True, slots=True)
class Solved:
    """Package key → position in ``Package.options``."""

    picks: dict[str, int]


@dataclass(frozen=True, slots=True)
class Infeasible:
    """No choice satisfies the facts.

    ``blamed``: the packages that the proof speaks of; all other facts may be left out. None where
    the engine cannot tell.
    """

    blamed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The bound of rounds ran out: nothing is known."""

    rounds: int


Answer = Solved | Infeasible | GaveUp


class Engine(Protocol):
    """An engine. ``solve`` may raise UnknownError, when the problem cannot be read further."""

    name: str

    def solve(self, problem: Problem) -> Answer:
        """Answer the problem's question."""
