"""Layered where the user has a base and it fits, standalone otherwise."""

from __future__ import annotations

from dataclasses import replace

from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import CellStatus
from torchsolve.solve.advice import advise
from torchsolve.solve.context import Context
from torchsolve.solve.search import Search


def resolve_in(context: Context) -> Resolution:
    """The resolution of a context.

    A base that cannot carry the projects leads to a standalone plan that keeps the base's conflict
    beside it; with ``--policy keep`` it is the end.
    """
    first = Search(context).resolve()
    if first.status is not CellStatus.INFEASIBLE:
        return first
    if context.inventory is None or context.settings.policy == "keep":
        return _advised(first, context)
    second = Search(replace(context, inventory=None)).resolve()
    tried = (*first.tried, *second.tried)
    if second.status is CellStatus.INFEASIBLE:
        return replace(_advised(second, replace(context, inventory=None)), tried=tried)
    return replace(second, conflict=first.conflict, tried=tried)


def _advised(resolution: Resolution, context: Context) -> Resolution:
    if resolution.conflict is None:
        return resolution
    return replace(resolution, conflict=advise(resolution.conflict, context))
