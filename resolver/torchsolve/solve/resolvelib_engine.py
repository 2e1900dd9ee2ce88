"""resolvelib over a ``Problem``.

Roles: the provider only translates (bit sets to resolvelib's questions); the problem knows what
packages and options there are; nothing here touches an index. Two things keep the search from
running away on infeasible input: names that caused the last
backtrack are looked at first, as pip does, and an option whose own edges already contradict what is
known is skipped before it is tried (one-step look-ahead).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from resolvelib import AbstractProvider, BaseReporter, Resolver
from resolvelib.resolvers import (
    RequirementInformation,
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
        """The causes of the last backtrack, where some of them are still open."""
        names = list(identifiers)
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
        for position in (*bits(first), *bits(mask & ~first)):
            if not self._is_broken(key, position, known):
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
        resolver: Resolver[Edge, Pick, str] = Resolver(provider, BaseReporter())
        try:
            result = resolver.resolve(problem.roots, max_rounds=self._rounds)
        except ResolutionImpossible:
            return Infeasible()
        except (ResolutionTooDeep, RecursionError):
            return GaveUp(self._rounds)
        return Solved({key: pick.position for key, pick in result.mapping.items()})
