"""What one infeasible cell says of the others: facts that its proof used, asked alone elsewhere.

A proof names few packages; the facts about these, without all others, are infeasible already. Where
another cell states the same facts, they are put to its target alone: a question of a few packages,
and the same one for all cells that share their Python and C library. If that has no answer, the
whole cell has none. Everything else that is left out only widens the question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from torchsolve.errors import UnknownError
from torchsolve.solve.engine import Answer, Infeasible
from torchsolve.solve.packages import CUDA
from torchsolve.solve.question import Fact, Question

# The newest of them serve; a cell that meets none is solved as it is.
_MOST_KEPT = 32


@dataclass(frozen=True, slots=True)
class _Core:
    """Facts without an answer; ``cuda``: the cell's CUDA is among them."""

    facts: frozenset[Fact]
    cuda: bool


class Refuted:
    """The proofs of one run over cells."""

    def __init__(self) -> None:
        self._cores: list[_Core] = []

    def learn(self, question: Question, answer: Infeasible) -> None:
        """Keep what the proof of an infeasible question used, if the engine tells."""
        if answer.blamed is None:
            return
        facts = frozenset(blamed_facts(question, answer.blamed))
        core = _Core(facts, CUDA in answer.blamed)
        if core not in self._cores:
            self._cores = [core, *self._cores][:_MOST_KEPT]

    def covers(self, question: Question, solve: Callable[[Question], Answer]) -> bool:
        """Whether facts that were infeasible elsewhere are so for this cell too."""
        stated = frozenset(question.facts)
        for core in self._cores:
            if core.facts <= stated and (not core.cuda or question.cuda is not None):
                try:
                    if isinstance(solve(_alone(question, core)), Infeasible):
                        return True
                except UnknownError:
                    continue
        return False


def blamed_facts(question: Question, blamed: frozenset[str]) -> tuple[Fact, ...]:
    """The requirements among the facts that speak of these packages, in order."""
    return tuple(
        fact
        for fact in question.facts
        if fact.requirement is not None and canonicalize_name(fact.requirement.name) in blamed
    )


def _alone(question: Question, core: _Core) -> Question:
    """The facts of a core for the target of a question. Binaries, which only refute, stay unread.

    A direct reference that a demand of the whole question replaces is still replaced.
    """
    own = tuple(fact for fact in question.facts if fact in core.facts)
    return replace(
        question,
        facts=own,
        cuda=question.cuda if core.cuda else None,
        place=None,
        served=question.demanded(),
    )
