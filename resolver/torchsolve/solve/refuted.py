"""What one infeasible cell says of the others: facts that its proof used, asked alone elsewhere.

A proof names few packages; the facts about these, without all others, are infeasible already. Where
another cell states the same facts, they are put to its target alone: a question of a few packages,
and the same one for all cells that share their Python and C library. If that has no answer, the
whole cell has none. Everything else that is left out only widens the question. Where the proof used
the torch or the CUDA of its cell, those of the other cell are asked in their place.
"""

from __future__ import annotations

from collections.abc import Callable

from torchsolve.errors import UnknownError
from torchsolve.model.values import dataclass, replace
from torchsolve.solve.engine import Answer, Infeasible
from torchsolve.solve.keys import CUDA
from torchsolve.solve.leaves import Leaves, without_torch
from torchsolve.solve.question import Fact, Question

# The newest of them serve; a cell that meets none is solved as it is.
_MOST_KEPT = 32


@dataclass(frozen=True, slots=True)
class _Core:
    """Facts without an answer; ``torch``, ``cuda``: the cell's own is among them."""

    facts: frozenset[Fact]
    torch: bool
    cuda: bool


class Refuted:
    """The proofs of one run over cells; another run may try them too, since each is asked anew."""

    def __init__(self) -> None:
        self._cores: list[_Core] = []

    def learn(self, question: Question, answer: Infeasible) -> None:
        """Keep what the proof of an infeasible question used, if the engine tells."""
        if answer.blamed is None:
            return
        facts = frozenset(blamed_facts(question, answer.blamed))
        own = {fact for fact in facts if _is_of_cell(fact)}
        core = _Core(facts - own, bool(own), CUDA in answer.blamed)
        if core not in self._cores:
            self._cores = [core, *self._cores][:_MOST_KEPT]

    def refuting(
        self, question: Question, solve: Callable[[Question], Answer], leaves: Leaves | None = None
    ) -> tuple[Fact, ...] | None:
        """Facts of a question that were infeasible elsewhere and are so for its cell too.

        ``leaves``: None where another torch means other wheels of the projects, or other floors.
        """
        stated = frozenset(question.facts)
        met = [(core, _alone(question, core)) for core in self._cores if core.facts <= stated]
        # What is known of a target costs a look; asking costs a solve.
        for core, alone in met:
            if leaves is not None and _is_left_out(alone, leaves):
                return self._again(core, alone)
        for core, alone in met:
            if _is_refuted(alone, solve):
                return self._again(core, alone)
        return None

    def _again(self, core: _Core, alone: Question) -> tuple[Fact, ...]:
        self._cores.remove(core)
        self._cores.insert(0, core)
        return alone.facts


def _is_refuted(question: Question, solve: Callable[[Question], Answer]) -> bool:
    try:
        return isinstance(solve(question), Infeasible)
    except UnknownError:
        return False


def _is_left_out(question: Question, leaves: Leaves) -> bool:
    """Whether the other facts leave torches, and the cell's is none of them."""
    own = [fact for fact in question.facts if _is_of_cell(fact)]
    if not own or question.torch is None:
        return False
    left = leaves.torches(without_torch(question, own))
    return left is not None and question.torch.public not in left


def _is_of_cell(fact: Fact) -> bool:
    """Whether it is the torch of a cell, which ``ask`` puts beside what projects ask for."""
    said = fact.evidence
    return fact.requirement is not None and said.subject == "torch" and said.statement[:3] == "is "


def blamed_facts(question: Question, blamed: frozenset[str]) -> tuple[Fact, ...]:
    """The requirements among the facts that speak of these packages, in order."""
    return tuple(fact for fact in question.facts if fact.name and fact.name in blamed)


def _alone(question: Question, core: _Core) -> Question:
    """The facts of a core for the target of a question. Binaries, which only refute, stay unread.

    A direct reference that a demand of the whole question replaces is still replaced.
    """
    own = tuple(
        fact for fact in question.facts if fact in core.facts or (core.torch and _is_of_cell(fact))
    )
    return replace(
        question,
        facts=own,
        cuda=question.cuda if core.cuda else None,
        place=None,
        served=question.demanded(),
    )
