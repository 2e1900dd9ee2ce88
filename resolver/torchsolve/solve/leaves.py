"""Which torches a few facts leave for a target: found once, for all cells of a run.

The facts of a proof (``refuted``) are asked without the torch and the CUDA of a cell, then again
without the torch that was found, until there is no answer. A cell whose torch is not among those
found has no answer either: its own question says more. So a hundred cells cost two questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from packaging.requirements import Requirement

from torchsolve.errors import UnknownError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.values import replace
from torchsolve.solve.engine import Answer, Infeasible, Solved
from torchsolve.solve.problem import Problem
from torchsolve.solve.question import Fact, FactKind, Question

Solve = Callable[[Question], tuple[Problem, Answer]]

# Facts that leave more do not tie torch: each cell is then asked by itself.
_MOST = 2


class Leaves:
    """Answers of one run over cells, by question. ``solve``: of the run, without a torch index."""

    def __init__(self, solve: Solve) -> None:
        self._solve = solve
        self._known: dict[Question, frozenset[str] | None] = {}
        self._untied: set[tuple[Fact, ...]] = set()

    def torches(self, question: Question) -> frozenset[str] | None:
        """Public versions of torch that a question without one leaves; None where many may be."""
        if question.facts in self._untied:
            return None
        if question not in self._known:
            found = self._known[question] = self._found(question)
            # Elsewhere it is hardly another story: each cell is asked by itself.
            if found is None:
                self._untied.add(question.facts)
        return self._known[question]

    def _found(self, question: Question) -> frozenset[str] | None:
        found: list[str] = []
        while True:
            asked = replace(question, facts=(*question.facts, *map(_other_than, found)))
            try:
                problem, answer = self._solve(asked)
            except UnknownError:
                return None
            if isinstance(answer, Infeasible):
                return frozenset(found)
            if not isinstance(answer, Solved) or "torch" not in answer.picks or len(found) == _MOST:
                return None
            options = problem.package("torch").options
            found.append(options[answer.picks["torch"]].version.public)


def without_torch(question: Question, own: Sequence[Fact]) -> Question:
    """The question of a cell without its torch, of which ``own`` are facts, and its CUDA."""
    facts = tuple(fact for fact in question.facts if fact not in own)
    return replace(question, facts=facts, cuda=None, torch=None)


def _other_than(version: str) -> Fact:
    evidence = Evidence("torch", f"may be {version}", Strength.OBSERVED, "")
    return Fact(FactKind.BOUND, evidence, Requirement(f"torch!={version}"))
