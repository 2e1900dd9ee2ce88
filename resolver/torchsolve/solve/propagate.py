"""What follows from facts alone, and by which edges: unit propagation with its reasons.

Starts from the facts' bit sets; an option one of whose edges admits nothing any more is removed;
the edges of a package with one option left are taken over, and what all options that are left ask
for alike (constructive disjunction). Where a package loses its last option, the reasons are walked
back to the facts. What only a search can refute is not found here: the facts of a conflict then
stand without the edges between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.values import dataclass, replace
from torchsolve.model.version import version_span
from torchsolve.solve.keys import CUDA, PYTHON, split_key
from torchsolve.solve.masks import bits
from torchsolve.solve.problem import Edge, Problem

_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class Removal:
    """``mask`` was taken from the options of ``key``.

    ``edge`` is an edge of ``key``'s own option into ``because`` (it admits nothing there), or an
    edge from ``because`` (it was forced, or all its options have one), or a fact (``because`` is
    None).
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
        return changed | self._share(key)

    def _share(self, key: str) -> bool:
        """Take over what every option that is left asks for, as far as a search has read them."""
        known = [self._problem.known_edges(key, i) for i in bits(self._domains[key])]
        if len(known) < 2 or not all(known):
            return False
        common = set.intersection(*({edge.key for edge in edges} for edges in known))
        changed = False
        for other in sorted(common - {key, PYTHON, CUDA}):
            alike = [edge for edges in known for edge in edges if edge.key == other]
            changed |= self._take_alike(alike, key)
        return changed

    def _take_alike(self, edges: list[Edge], because: str) -> bool:
        key, admitted = edges[0].key, 0
        for edge in edges:
            admitted |= edge.mask
        self._domain(key)
        is_first = key not in self._removals
        changed = self._remove(key, ~admitted, edges[0], because)
        if changed or is_first:
            rows = [Removal(key, 0, edge, because) for edge in edges]
            self._removals.setdefault(key, []).extend(rows)
        return changed or is_first

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
    """Why no option at all fits what an edge asks for, with the bounds on it."""
    requirement, name = edge.requirement, split_key(edge.key)[0]
    if requirement is None or edge.mask & problem.bound(edge.key):
        return
    if name in problem.rules.overrides:
        text = f"asks for {requirement} in its place"
        yield Step(Evidence("--override", text, Strength.DECLARED, "--override"), name)
    bounds = [bound.requirement for bound in problem.bounds(edge.key)]
    specifier = requirement.specifier
    for bound in bounds if edge.mask else []:
        specifier &= bound.specifier if bound is not None else SpecifierSet()
    reasons = problem.shelf.unusable(name, specifier)[:_VERSIONS]
    if not reasons and not edge.mask:
        reasons = (problem.shelf.missing(name, specifier),)
    for evidence in reasons:
        yield Step(evidence, name)


def _steps(problem: Problem, rows: list[Removal]) -> Iterator[Step]:
    edge = rows[0].edge
    parent = split_key(edge.parent[0])[0] if edge.parent is not None else ""
    for evidence in _alike(problem, rows) if _is_forward(rows) else _said(rows):
        yield Step(evidence, parent, split_key(edge.key)[0])
    if not edge.mask:
        yield from unusable_steps(problem, edge)


def _is_forward(rows: list[Removal]) -> bool:
    """Whether the rows say why a package is there, not why options of theirs fell."""
    return all(row.because != row.edge.key for row in rows)


def _alike(problem: Problem, rows: list[Removal]) -> Iterator[Evidence]:
    """What versions ask for, those that ask alike together: ``demo 1.0 to 3.0 (3 versions)``."""
    groups: dict[str, list[Edge]] = {}
    for row in rows:
        groups.setdefault(row.edge.evidence.statement, []).append(row.edge)
    for edges in list(groups.values())[:_VERSIONS]:
        versions = _versions(problem, edges)
        evidence = edges[0].evidence
        if len(versions) > 1 and edges[0].parent is not None:
            name = split_key(edges[0].parent[0])[0]
            evidence = replace(evidence, subject=f"{name} {version_span(versions)}")
        yield evidence


def _versions(problem: Problem, edges: Iterable[Edge]) -> list[Version]:
    """Of those that have these edges, newest first."""
    parents = [edge.parent for edge in edges if edge.parent is not None]
    return sorted({problem.package(key).options[i].version for key, i in parents}, reverse=True)


def _said(rows: list[Removal]) -> Iterator[Evidence]:
    first, *rest = (row.edge.evidence for row in rows)
    yield first
    if first.strength is not Strength.PROVEN:
        yield from [said for said in rest if said.strength is Strength.PROVEN][:1]


def _line(problem: Problem, rows: list[Removal]) -> Iterator[str]:
    edge, versions = rows[0].edge, _versions(problem, (row.edge for row in rows))
    if len(versions) > 1 and edge.parent is not None and not _is_forward(rows):
        span = f"{versions[-1]} to {versions[0]}"
        yield f"{edge.parent[0]} {span}: {len(versions)} versions, none of which fits {edge.key}"
