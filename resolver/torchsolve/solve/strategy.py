"""Layered where the user has a base and it fits, standalone otherwise."""

from __future__ import annotations

from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import CellStatus
from torchsolve.model.project import ComfyUI
from torchsolve.model.values import replace
from torchsolve.solve.context import Context
from torchsolve.solve.refuted import Refuted
from torchsolve.solve.search import Search


def resolve_in(context: Context) -> Resolution:
    """The resolution of a context.

    A base that cannot carry the projects leads to a standalone plan that keeps the base's conflict
    beside it; with ``--policy keep`` it is the end.
    """
    if context.inventory is None:
        return _standalone(context)
    layered = replace(context, comfyui=_comfyui_of_base(context))
    search = Search(layered)
    first = search.resolve()
    if first.status is not CellStatus.INFEASIBLE:
        return first
    if context.settings.policy == "keep":
        return _advised(first, layered, search.refuted)
    alone = replace(context, inventory=None)
    second = _standalone(alone)
    return _with_both(first, second, context.inventory.ref)


def _standalone(context: Context) -> Resolution:
    search = Search(context)
    found = search.resolve()
    if context.gpus or context.settings.driver is not None:
        from torchsolve.solve.gpu_conflict import explain_gpus

        found = explain_gpus(found, search, context)
    return _advised(found, context, search.refuted)


def _comfyui_of_base(context: Context) -> ComfyUI | None:
    """The base's own stays as it is; another is added only where one was asked for by name."""
    return context.comfyui if context.settings.comfyui is not None else None


def _with_both(first: Resolution, second: Resolution, ref: str) -> Resolution:
    """The standalone answer, with what kept the projects from the base beside it."""
    tried = (*first.tried, *second.tried)
    if second.status is not CellStatus.INFEASIBLE or second.conflict is None:
        return replace(second, conflict=first.conflict, tried=tried)
    facts = first.conflict.facts if first.conflict is not None else ()
    lines = tuple(f"layering on {ref}: {fact}" for fact in facts)
    conflict = replace(second.conflict, rejected=(*second.conflict.rejected, *lines))
    return replace(second, conflict=conflict, tried=tried)


def _advised(resolution: Resolution, context: Context, refuted: Refuted) -> Resolution:
    if resolution.status is not CellStatus.INFEASIBLE or resolution.conflict is None:
        return resolution
    from torchsolve.solve.advice import advise

    return replace(resolution, conflict=advise(resolution.conflict, context, refuted))
