"""Why a question has no answer: a smallest set of its facts, and the edges between them.

The set is found over the engine interface by leaving facts out and asking again (QuickXplain,
U. Junker, AAAI 2004), never from the causes that an engine reports, which blame bystanders. A
property of the cell that is left out widens the question: without its Python any Python may
answer, without its C library the newest, without its CUDA any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from torchsolve.errors import UnknownError
from torchsolve.model.evidence import Evidence
from torchsolve.model.plan import NO_PAGE, Conflict
from torchsolve.model.target import Target
from torchsolve.model.values import replace
from torchsolve.solve.engine import Answer, Infeasible, Solved
from torchsolve.solve.problem import Problem
from torchsolve.solve.propagate import Step, steps_between, unusable_steps
from torchsolve.solve.question import Fact, FactKind, Question
from torchsolve.solve.refuted import blamed_facts

Solve = Callable[[Question], tuple[Problem, Answer]]

_ANY_GLIBC = (2, 99)
_LIBSTDCXX = re.compile(r"has no (GLIBCXX|CXXABI)_|needs a newer libstdc")
# What ``Shelf.missing`` says of a package that is there.
_NO_VERSION = re.compile(
    r"(begins|ends) with |has versions |has \S+ and \S+, nothing between|has \S+, not"
)
_SHOWN = 4


def explain(
    question: Question, solve: Solve, cell: str, suspects: Sequence[Fact] | None = None
) -> tuple[Conflict, tuple[Fact, ...]]:
    """The conflict of an infeasible question, and its facts as facts (to know it again).

    ``suspects``: facts that, it is known, collide by themselves.
    """
    facts = minimal_facts(question, solve, suspects)
    steps, rejected = _between(next(_widened(question, facts)), solve)
    edges = tuple(step.evidence for step in steps)
    evidence = _in_reading_order(facts, steps, lambda fact: _stated(fact, question, edges))
    return Conflict(cell, evidence, _reference(evidence, edges), (), rejected), facts


def _in_reading_order(
    facts: Sequence[Fact], steps: Sequence[Step], state: Callable[[Fact], Evidence]
) -> tuple[Evidence, ...]:
    """Each fact, and behind it what follows from it, as one would look it up."""
    told: dict[Evidence, None] = {}

    def follow(name: str) -> None:
        for step in steps:
            if step.about == name and step.evidence not in told:
                told[step.evidence] = None
                if step.leads_to is not None:
                    follow(step.leads_to)

    for fact in facts:
        told[state(fact)] = None
        if fact.requirement is not None:
            follow(fact.name)
    return tuple(dict.fromkeys((*told, *(step.evidence for step in steps))))


def _stated(fact: Fact, question: Question, edges: Sequence[Evidence]) -> Evidence:
    """The image's C library and libstdc++ are one fact; which of them collides the edges tell."""
    place = question.place
    if fact.kind is not FactKind.GLIBC or place is None or place.libstdcxx is None:
        return fact.evidence
    if not any(_LIBSTDCXX.search(edge.statement) for edge in edges):
        return fact.evidence
    image = fact.evidence.statement.rpartition(" in ")[2]
    text = f"has GLIBCXX_{place.libstdcxx} at most in {image}"
    return replace(fact.evidence, subject="<libstdcxx>", statement=text)


def minimal_facts(
    question: Question, solve: Solve, suspects: Sequence[Fact] | None = None
) -> tuple[Fact, ...]:
    """Facts that cannot hold together, of which none can be left out."""

    def holds(facts: Sequence[Fact]) -> bool:
        return _has_answer(question, facts, solve)

    ordered = sorted(_suspects(question, solve, suspects), key=_weight)
    chosen = _quickxplain([], bool_delta=False, facts=ordered, holds=holds)
    return tuple(fact for fact in question.facts if fact in chosen)


def _suspects(question: Question, solve: Solve, used: Sequence[Fact] | None) -> Sequence[Fact]:
    """The facts that the engine's proof used, with the cell's; all where it cannot tell."""
    if used is None:
        _, answer = solve(question)
        if not isinstance(answer, Infeasible) or answer.blamed is None:
            return question.facts
        used = blamed_facts(question, answer.blamed)
    own = tuple(fact for fact in question.facts if fact.requirement is None)
    few = (*used, *own)
    return few if not _has_answer(question, few, solve) else question.facts


def _weight(fact: Fact) -> int:
    """What is blamed first where several sets of facts collide: what a person fixed, then the
    cell, then what projects ask for, last what they bundle."""
    if fact.evidence.origin.startswith("--"):
        return 0
    if fact.requirement is None:
        return 1
    return 3 if fact.kind is FactKind.BUNDLED else 2


def _quickxplain(
    background: list[Fact],
    *,
    bool_delta: bool,
    facts: list[Fact],
    holds: Callable[[Sequence[Fact]], bool],
) -> list[Fact]:
    if bool_delta and not holds(background):
        return []
    if len(facts) <= 1:
        return facts
    half = len(facts) // 2
    first, second = facts[:half], facts[half:]
    right = _quickxplain([*background, *first], bool_delta=bool(first), facts=second, holds=holds)
    left = _quickxplain([*background, *right], bool_delta=bool(right), facts=first, holds=holds)
    return [*left, *right]


def _has_answer(question: Question, facts: Sequence[Fact], solve: Solve) -> bool:
    """Whether some widened question is solved. What cannot be decided counts as solved: the fact
    that was left out then stays in the conflict."""
    undecided = False
    for asked in _widened(question, facts):
        try:
            _, answer = solve(asked)
        except UnknownError:
            undecided = True
            continue
        if isinstance(answer, Solved):
            return True
        undecided |= not isinstance(answer, Infeasible)
    return undecided


def _widened(question: Question, facts: Sequence[Fact]) -> Iterator[Question]:
    kinds = {fact.kind for fact in facts}
    target = question.target
    glibc = target.glibc if FactKind.GLIBC in kinds else _ANY_GLIBC
    pythons = (target.python,) if FactKind.PYTHON in kinds else (target.python, *question.pythons)
    cuda = question.cuda if FactKind.CUDA in kinds else None
    for python in dict.fromkeys(pythons):
        wider = Target(python, target.platform, glibc)
        place = question.place
        if place is not None and FactKind.GLIBC not in kinds:
            place = replace(place, glibc=None, libstdcxx=None)
        libstdcxx = question.libstdcxx if FactKind.GLIBC in kinds else None
        yield replace(
            question,
            facts=tuple(facts),
            target=wider,
            cuda=cuda,
            place=place,
            libstdcxx=libstdcxx,
        )


def _between(question: Question, solve: Solve) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """What stands between the facts of a conflict, and a line for each choice ruled out."""
    problem, _ = solve(question)
    unusable = [step for root in problem.roots for step in unusable_steps(problem, root)]
    steps, lines = steps_between(problem, _SHOWN)
    return tuple(dict.fromkeys((*unusable, *steps))), lines


def _reference(evidence: Sequence[Evidence], edges: Sequence[Evidence]) -> str:
    statements = " ".join(e.statement for e in edges)
    if any(edge.statement == NO_PAGE for edge in edges):
        return "no-such-package"
    if any(_NO_VERSION.match(edge.statement) for edge in edges):
        return "no-such-version"
    if "has wheels for" in statements or "has no wheel" in statements:
        return "no-usable-wheel"
    if "needs a newer glibc" in statements:
        return "glibc-too-old"
    if _LIBSTDCXX.search(statements):
        return "libstdcxx-too-old"
    if "has no GPU code" in statements:
        return "no-gpu-code"
    if any("torch" in (e.subject.split(" ")[0], *e.statement.split(" ")) for e in evidence):
        return "no-common-torch"
    return "no-common-torch" if "needs torch" in statements else "no-common-version"
