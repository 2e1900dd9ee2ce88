"""resolvelib over a ``Problem``.

Roles: the provider only translates (bit sets to resolvelib's questions); the problem knows what
packages and options there are; nothing here touches an index. Two things keep the search from
running away on infeasible input: names that caused the last
backtrack are looked at first, as pip does, and an option whose own edges already contradict what is
known is skipped before it is tried (one-step look-ahead).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from resolvelib import AbstractProvider, BaseReporter
from resolvelib.resolvers import (
    Criterion,
    RequirementInformation,
    Resolution,
    ResolutionImpossible,
    ResolutionTooDeep,
)

from torchsolve.solve.engine import Answer, GaveUp, Infeasible, Solved
from torchsolve.solve.masks import bits
from torchsolve.solve.problem import Edge, Problem

ROUNDS = 4000


class Pick(NamedTuple):
    """A candidate: a package key and the position of an option."""

    key: str
    position: int


class _Provider(AbstractProvider[Edge, Pick, str]):
    def __init__(self, problem: Problem, preferred: Mapping[str, int]) -> None:
        self.problem = problem
        self.preferred = preferred
        self._order: dict[str, int] = {}

    def identify(self, requirement_or_candidate: Edge | Pick) -> str:
        return requirement_or_candidate.key

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, Pick],  # noqa: ARG002 - resolvelib calls by keyword
        candidates: Mapping[str, Iterator[Pick]],  # noqa: ARG002
        information: Mapping[str, Iterator[RequirementInformation[Edge, Pick]]],
        backtrack_causes: Sequence[RequirementInformation[Edge, Pick]],  # noqa: ARG002
    ) -> tuple[bool, int]:
        """Forced names first, then in order of discovery."""
        mask = self._known(information.get(identifier, iter(())), identifier)
        return (mask.bit_count() > 1, self._order.setdefault(identifier, len(self._order)))

    def _known(self, rows: Iterable[RequirementInformation[Edge, Pick]], identifier: str) -> int:
        mask = self.problem.bound(identifier)
        for row in rows:
            mask &= row.requirement.mask
        return mask

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, Pick],  # noqa: ARG002 - resolvelib calls by keyword
        candidates: Mapping[str, Iterator[Pick]],  # noqa: ARG002
        information: Mapping[str, Iterator[RequirementInformation[Edge, Pick]]],  # noqa: ARG002
        backtrack_causes: Sequence[RequirementInformation[Edge, Pick]],
    ) -> Iterable[str]:
        """The causes of the last backtrack, where some of them are still open.

        A witness has a pick for each name, so that the order in which they are met will do.
        """
        names = list(identifiers)
        if self.preferred and not backtrack_causes:
            return names[:1]
        causes = {cause.requirement.key for cause in backtrack_causes}
        causes |= {cause.parent.key for cause in backtrack_causes if cause.parent is not None}
        return [name for name in names if name in causes] or names

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Edge]],
        incompatibilities: Mapping[str, Iterator[Pick]],
    ) -> Callable[[], Iterator[Pick]]:
        mask = self.problem.bound(identifier)
        for edge in requirements.get(identifier, iter(())):
            mask &= edge.mask
        for pick in incompatibilities.get(identifier, iter(())):
            mask &= ~(1 << pick.position)
        return lambda: self._survivors(identifier, mask, requirements)

    def _survivors(
        self, key: str, mask: int, known: Mapping[str, Iterator[Edge]]
    ) -> Iterator[Pick]:
        wanted = self.preferred.get(key)
        if wanted is None and mask:
            wanted = self.problem.first(key, mask)
        first = (1 << wanted) & mask if wanted is not None else 0
        for position in chain(bits(first), bits(mask & ~first)):
            # What a witness is asked about it finds out by pinning it.
            if position == self.preferred.get(key) or not self._is_broken(key, position, known):
                yield Pick(key, position)

    def _is_broken(self, key: str, position: int, known: Mapping[str, Iterator[Edge]]) -> bool:
        for edge in self.problem.edges(key, position):
            mask = edge.mask & self.problem.bound(edge.key)
            for other in known.get(edge.key, iter(())):
                mask &= other.mask
            if not mask:
                return True
        return False

    def is_satisfied_by(self, requirement: Edge, candidate: Pick) -> bool:
        return bool(requirement.mask >> candidate.position & 1)

    def get_dependencies(self, candidate: Pick) -> Iterable[Edge]:
        edges = self.problem.edges(candidate.key, candidate.position)
        self.problem.prefetch(edges)
        return edges


class _Resolution(Resolution[Edge, Pick, str]):
    """resolvelib's own, that need not ask each round again whether each pin still holds.

    That is quadratic, and half of its time. What changes is exchanged: criteria as well as pins.
    """

    def __init__(self, provider: _Provider) -> None:
        super().__init__(provider, BaseReporter())
        # By name: the criterion that its pin satisfies.
        self._held: dict[str, Criterion[Edge, Pick]] = {}

    def _is_current_pin_satisfying(self, name: str, criterion: Criterion[Edge, Pick]) -> bool:
        if self._held.get(name) is criterion:
            return True
        if name not in self._states[-1].mapping:
            return False
        holds = super()._is_current_pin_satisfying(name, criterion)
        if holds:
            self._held[name] = criterion
        return holds

    def _attempt_to_pin_criterion(self, name: str) -> list[Criterion[Edge, Pick]]:
        self._held.pop(name, None)
        return super()._attempt_to_pin_criterion(name)

    def _backjump(self, causes: list[RequirementInformation[Edge, Pick]]) -> bool:
        self._held.clear()
        return super()._backjump(causes)

    def _rollback_states(self) -> None:
        self._held.clear()
        super()._rollback_states()


class ResolvelibEngine:
    """A run ends after ``rounds`` rounds with ``GaveUp``.

    ``preferred``: options to try before newer ones, by package.
    """

    name = "resolvelib"

    def __init__(self, rounds: int = ROUNDS, preferred: Mapping[str, int] | None = None) -> None:
        self._rounds = rounds
        self._preferred = preferred or {}

    def solve(self, problem: Problem) -> Answer:
        """Answer the problem. Raises UnknownError when an index is out of reach."""
        provider = _Provider(problem, self._preferred)
        problem.prefetch(problem.roots)
        resolution = _Resolution(provider)
        try:
            state = resolution.resolve(problem.roots, max_rounds=self._rounds)
        except ResolutionImpossible:
            return Infeasible()
        except (ResolutionTooDeep, RecursionError):
            return GaveUp(self._rounds)
        return Solved(dict(_reached(problem, state.mapping)))


def _reached(problem: Problem, pins: Mapping[str, Pick]) -> Iterator[tuple[str, int]]:
    """The pins that something asks for: after backjumps others may be left behind."""
    todo = [edge.key for edge in problem.roots]
    seen: set[str] = set()
    while todo:
        key = todo.pop()
        if key not in seen:
            seen.add(key)
            position = pins[key].position
            yield key, position
            todo += [edge.key for edge in problem.edges(key, position)]
