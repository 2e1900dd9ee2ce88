"""The engine interface: one question in, picks or the reason out.

Engines read a ``Problem`` and nothing else. Before a torch-coupled option is decided they ask
``confirm``, which is how what a binary is can veto what its METADATA says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torchsolve.model.evidence import Evidence
from torchsolve.solve.options import Option
from torchsolve.solve.problem import Problem

Confirm = Callable[[Option], Evidence | None]


def confirm_all(_option: Option) -> Evidence | None:
    """The ``confirm`` of runs that do not ask binaries: nothing is refuted."""
    return None


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

    def solve(self, problem: Problem, confirm: Confirm = confirm_all) -> Answer:
        """Answer the problem's question."""
