"""What follows from facts alone, and by which edges: unit propagation with its reasons.

Starts from the facts' bit sets; an option one of whose edges admits nothing any more is removed;
the edges of a package with one option left are taken over. Where a package loses its last option,
the reasons are walked back to the facts. What only a search can refute is not found here: the
facts of a conflict then stand without the edges between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.solve.masks import bits
from torchsolve.solve.packages import split_key
from torchsolve.solve.problem import Edge, Problem

_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class Removal:
    """``mask`` was taken from the options of ``key``.

    ``edge`` is an edge of ``key``'s own option into ``because`` (it admits nothing there), or an
    edge from ``because`` (it was forced), or a fact (``because`` is None).
    """

    key: str
    mask: int
    edge: Edge
    because: str | None


class Propagation:
    """One run over a problem. ``empty`` is the package that lost its last option, if one did."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._domains: dict[str, int] = {}
        self._removals: dict[str, list[Removal]] = {}
        self._forced: set[str] = set()
        self.empty: str | None = None
        self._run()

    def _run(self) -> None:
        for edge in self._problem.roots:
            self._take(edge, None)
        changed = True
        while changed and self.empty is None:
            changed = sum(self._narrow(key) for key in list(self._domains)) > 0

    def _domain(self, key: str) -> int:
        if key not in self._domains:
            self._domains[key] = self._problem.package(key).everything
            for edge in self._problem.bounds(key):
                self._remove(key, ~edge.mask, edge, None)
        return self._domains[key]

    def _take(self, edge: Edge, because: str | None) -> bool:
        self._domain(edge.key)
        if because is not None and edge.key not in self._removals:
            # It narrows nothing, but it is why the package is there at all.
            self._removals[edge.key] = [Removal(edge.key, 0, edge, because)]
        return self._remove(edge.key, ~edge.mask, edge, because)

    def _remove(self, key: str, mask: int, edge: Edge, because: str | None) -> bool:
        before = self._domains[key]
        after = before & ~mask
        if after == before and after:
            return False
        self._domains[key] = after
        self._removals.setdefault(key, []).append(Removal(key, before & mask, edge, because))
        if not after and self.empty is None:
            self.empty = key
        return True

    def _narrow(self, key: str) -> bool:
        if self.empty is not None:
            return False
        changed = False
        for position in bits(self._domains[key]):
            changed |= self._drop_if_broken(key, position)
        if self._domains[key].bit_count() == 1 and key not in self._forced:
            self._forced.add(key)
            for edge in self._problem.edges(key, self._domains[key].bit_length() - 1):
                self._take(edge, key)
            changed = True
        return changed

    def _drop_if_broken(self, key: str, position: int) -> bool:
        for edge in self._problem.edges(key, position):
            known = edge.key in self._domains or bool(self._problem.bounds(edge.key))
            domain = self._domain(edge.key) if known else self._problem.bound(edge.key)
            if not edge.mask & domain:
                return self._remove(key, 1 << position, edge, edge.key)
        return False

    def reasons(self) -> tuple[Removal, ...]:
        """The removals that emptied ``empty``, and those behind them, nearest first."""
        seen: dict[str, None] = {}
        todo = [self.empty] if self.empty is not None else []
        while todo:
            key = todo.pop(0)
            if key not in seen:
                seen[key] = None
                todo += [row.because for row in self._removals.get(key, ()) if row.because]
        return tuple(row for key in seen for row in self._removals.get(key, ()))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing on the way from the facts to where they collide.

    ``about`` is the package that it is said of, ``leads_to`` the one that it asks for.
    """

    evidence: Evidence
    about: str
    leads_to: str | None = None


def steps_between(problem: Problem, most: int) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The edges that make the facts collide, and a line for each choice ruled out.

    Of many versions of one package that fail alike the newest speaks, with a count. What its
    binaries say stands beside what its METADATA says.
    """
    groups: dict[tuple[str, str], list[Removal]] = {}
    for row in Propagation(problem).reasons():
        if row.edge.parent is not None:
            groups.setdefault((row.edge.parent[0], row.edge.key), []).append(row)
    shown = list(groups.values())[:most]
    steps = tuple(dict.fromkeys(step for rows in shown for step in _steps(problem, rows)))
    return steps, tuple(line for rows in shown for line in _line(problem, rows))


def unusable_steps(problem: Problem, edge: Edge) -> Iterator[Step]:
    """Why no option at all fits what an edge asks for."""
    if edge.requirement is not None and not edge.mask & problem.bound(edge.key):
        name = split_key(edge.key)[0]
        for evidence in problem.shelf.unusable(edge.requirement)[:_VERSIONS]:
            yield Step(evidence, name)


def _steps(problem: Problem, rows: list[Removal]) -> Iterator[Step]:
    edge = rows[0].edge
    parent = split_key(edge.parent[0])[0] if edge.parent is not None else ""
    for evidence in _said(rows):
        yield Step(evidence, parent, split_key(edge.key)[0])
    if not edge.mask:
        yield from unusable_steps(problem, edge)


def _said(rows: list[Removal]) -> Iterator[Evidence]:
    first, *rest = (row.edge.evidence for row in rows)
    yield first
    if first.strength is not Strength.PROVEN:
        yield from [said for said in rest if said.strength is Strength.PROVEN][:1]


def _line(problem: Problem, rows: list[Removal]) -> Iterator[str]:
    parents = [row.edge.parent for row in rows if row.edge.parent is not None]
    versions = {problem.package(key).options[i].version for key, i in parents}
    if len(versions) > 1:
        name = parents[0][0]
        span = f"{min(versions)} to {max(versions)}"
        yield f"{name} {span}: {len(versions)} versions, none of which fits {rows[0].edge.key}"
