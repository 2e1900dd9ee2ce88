"""The answer of an engine held against every fact and every edge of the problem."""

from __future__ import annotations

from torchsolve.solve.problem import Edge, Problem


def broken_edges(problem: Problem, picks: dict[str, int]) -> tuple[Edge, ...]:
    """Edges and bounds that the picks break; empty for a right answer.

    Every root must be picked inside its mask; every edge of every pick likewise; every bounding
    fact must hold for what is picked.
    """
    edges = list(problem.roots)
    for key, position in picks.items():
        edges += problem.edges(key, position)
    broken = [edge for edge in edges if not _holds(picks, edge)]
    for key, position in picks.items():
        broken += [edge for edge in problem.bounds(key) if not edge.mask >> position & 1]
    return tuple(broken)


def _holds(picks: dict[str, int], edge: Edge) -> bool:
    position = picks.get(edge.key)
    return position is not None and bool(edge.mask >> position & 1)
