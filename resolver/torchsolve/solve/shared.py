"""One import name, two distributions: which of them stays (DESIGN section 5, exceptions).

Both install without an error and the last one wins, file by file, so a closure that holds two is
asked for again without all but one. That one is what ``--prefer`` names, else what a base image
already holds, else the richest of ``matrices/import_names.toml``; what was asked of the others
bounds it where that can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from torchsolve.facts.imports import ImportName
from torchsolve.model.values import dataclass, replace
from torchsolve.solve.keys import split_key
from torchsolve.solve.problem import Edge, Problem
from torchsolve.solve.question import Fact, FactKind, Question

_STAYS = "stays: both write"


@dataclass(frozen=True, slots=True)
class Choice:
    """Of the distributions of one import name in a closure: the one that stays, and the others."""

    import_name: str
    stays: NormalizedName
    leave: tuple[NormalizedName, ...]

    @property
    def reason(self) -> str:
        """Why the others leave, as it stands in an exception."""
        return f"{self.stays} {_STAYS} {self.import_name}"


def choices(
    rows: tuple[ImportName, ...],
    problem: Problem,
    picks: Mapping[str, int],
    prefer: tuple[str, ...],
) -> tuple[Choice, ...]:
    """The import names that two picks write, and who stays."""
    cuda = problem.question.cuda is not None and problem.question.cuda.version is not None
    found = []
    for row in rows:
        ranked = [name for name in row.ranked(cuda=cuda) if name in picks]
        if len(ranked) > 1:
            wanted = [NormalizedName(name) for name in prefer if name in ranked]
            held = [name for name in ranked if _is_in_base(problem, picks, name)]
            order = tuple(dict.fromkeys((*wanted, *held, *ranked)))
            found.append(Choice(row.name, order[0], order[1:]))
    return tuple(found)


def _is_in_base(problem: Problem, picks: Mapping[str, int], name: str) -> bool:
    file = problem.package(name).options[picks[name]].file
    return file is not None and file.index == "base"


def questions(
    question: Question, problem: Problem, picks: Mapping[str, int], chosen: tuple[Choice, ...]
) -> Iterator[Question]:
    """The question without those that leave: first with their bounds on who stays, then without."""
    left = tuple((name, choice.reason) for choice in chosen for name in choice.leave)
    without = replace(question, left_out=(*question.left_out, *left))
    bounds = tuple(dict.fromkeys(_bounds(problem, picks, chosen)))
    if bounds:
        yield replace(without, facts=(*question.facts, *bounds))
    yield without


def _bounds(
    problem: Problem, picks: Mapping[str, int], chosen: tuple[Choice, ...]
) -> Iterator[Fact]:
    heirs = {name: choice.stays for choice in chosen for name in choice.leave}
    for edge in _edges(problem, picks):
        heir = heirs.get(split_key(edge.key)[0])
        requirement = edge.requirement
        if heir is not None and requirement is not None and requirement.specifier:
            bound = Requirement(f"{heir}{requirement.specifier}")
            text = f"{edge.evidence.statement}, and {heir} stands in for it"
            yield Fact(FactKind.BOUND, replace(edge.evidence, statement=text), bound)


def _edges(problem: Problem, picks: Mapping[str, int]) -> Iterator[Edge]:
    yield from problem.roots
    for key, position in picks.items():
        yield from problem.edges(key, position)


def shared_remarks(
    rows: tuple[ImportName, ...], problem: Problem, picks: Mapping[str, int]
) -> Iterator[str]:
    """Import names that two picks write all the same, and bounds that who stays does not meet."""
    for row in rows:
        both = [name for name in row.distributions if name in picks]
        if len(both) > 1:
            yield (
                f"{' and '.join(both)} both write {row.name}: the one installed last wins; "
                "keep one with --exclude"
            )
    drops = [drop for key, i in picks.items() for drop in problem.drops(key, i)]
    for drop in (*problem.fact_drops, *drops):
        stays, mark, _ = drop.reason.partition(f" {_STAYS} ")
        if mark and stays in picks:
            version = problem.package(stays).options[picks[stays]].version
            if not Requirement(drop.dropped).specifier.contains(version, prereleases=True):
                yield f"{drop.package} asks for {drop.dropped}; {stays} {version} stands in for it"
