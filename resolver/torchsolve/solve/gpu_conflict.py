"""No plan suits the GPUs or the driver that were named: where one exists without, they are why.

Cells fail for many reasons; the one to explain is that in which nothing but these fails.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import Advice, CellStatus, Conflict, Plan
from torchsolve.model.values import replace
from torchsolve.solve.context import Context
from torchsolve.solve.search import Search


def explain_gpus(resolution: Resolution, search: Search, context: Context) -> Resolution:
    """The same resolution with the conflict of GPUs and driver, where they alone are in the way.

    Every wheel of that plan without code for the GPUs is named, with what to do about it.
    """
    if resolution.status is not CellStatus.INFEASIBLE:
        return resolution
    for change, free in _freed(context):
        conflict = search.explained(free.cell)
        if conflict is not None:
            facts = dict.fromkeys((*_asked(conflict, context), *conflict.facts))
            told = replace(
                conflict,
                facts=tuple(facts),
                advice=(Advice(change, str(free.cell)), *conflict.advice),
                rejected=(*conflict.rejected, *_others(free, conflict, context)),
            )
            return replace(resolution, conflict=told)
    return resolution


def _freed(context: Context) -> Iterator[tuple[str, Plan]]:
    """A plan without the GPUs, then one for any driver, with what to change to have it."""
    settings, prover = context.settings, context.prover
    if context.gpus:
        suited = prover.freed(gpus=True, driver=False) if prover else None
        plan = Search(replace(context, gpus=(), prover=suited)).resolve().plan
        if plan is not None:
            flags = " ".join(f"--gpu {shlex.quote(name)}" for name in settings.gpus)
            yield f"without {flags}", plan
    if settings.driver is not None:
        suited = prover.freed(gpus=False, driver=True) if prover else None
        free = replace(context, settings=replace(settings, driver=None), prover=suited)
        plan = Search(free).resolve().plan
        if plan is not None:
            least = f"--driver {plan.driver_min}" if plan.driver_min else "without --driver"
            yield least, plan


def _asked(conflict: Conflict, context: Context) -> Iterator[Evidence]:
    """The GPUs and the driver that its wheels have no code for: facts like the others."""
    said = " ".join(fact.statement for fact in conflict.facts)
    if conflict.reference != "no-gpu-code":
        return
    for gpu in context.gpus:
        if f"for {gpu.capability}," in said:
            text = f"has compute capability {gpu.capability}"
            yield Evidence(gpu.name, text, Strength.DECLARED, "--gpu")
    if context.settings.driver and f"driver {context.settings.driver} " in said:
        text = f"has driver {context.settings.driver}"
        yield Evidence("the host", text, Strength.DECLARED, "--driver")


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
