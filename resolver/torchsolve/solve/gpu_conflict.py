"""No plan covers the GPUs that were asked for: where one exists without them, they are the reason.

Cells fail for many reasons; the one to explain is that in which nothing but the GPUs fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import Advice, CellStatus, Conflict, Plan
from torchsolve.solve.context import Context
from torchsolve.solve.search import Search


def explain_gpus(resolution: Resolution, search: Search, context: Context) -> Resolution:
    """The same resolution with the conflict of the GPUs, where they alone stand in the way.

    Every wheel of that plan without code for them is named, with what to do about it.
    """
    if resolution.status is not CellStatus.INFEASIBLE or not context.gpus:
        return resolution
    prover = context.prover.for_any_gpu() if context.prover is not None else None
    free = Search(replace(context, gpus=(), prover=prover)).resolve().plan
    conflict = search.explained(free.cell) if free is not None else None
    if free is None or conflict is None:
        return resolution
    names = " ".join(gpu.name for gpu in context.gpus)
    advice = (Advice(f"without --gpu {names}", str(free.cell)), *conflict.advice)
    rejected = (*conflict.rejected, *_others(free, conflict, context))
    return replace(resolution, conflict=replace(conflict, advice=advice, rejected=rejected))


def _others(plan: Plan, conflict: Conflict, context: Context) -> Iterator[str]:
    """The wheels without code that the conflict, a smallest set, does not name."""
    if conflict.reference != "no-gpu-code":
        return
    named = {fact.subject for fact in conflict.facts}
    for gpu in context.gpus:
        for wheel in dict(plan.gpu.missing).get(gpu.capability, ()):
            pin = plan.pin(wheel)
            if pin is not None and f"{wheel} {pin.version}" not in named:
                yield (
                    f"{wheel} {pin.version} has no GPU code for {gpu.capability} either: "
                    "build it from source too"
                )
