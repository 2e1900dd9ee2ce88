"""Plans of a CUDA tag whose files were not seen: what the tables know, and no more.

The cell was solved with the default index's pages in place of the torch index's. Versions of the
torch family carry over (they are the same releases); what those files need by themselves, CUDA's
libraries above all, does not: it belongs to the default index's tag and is left out.
"""

from __future__ import annotations

from collections.abc import Collection

from torchsolve.model.package import IndexFile
from torchsolve.model.plan import Pin, Plan, PlanVerdict
from torchsolve.model.values import replace


def by_table(plan: Plan, family: Collection[str]) -> Plan:
    """The plan with unseen files for the torch family, without what only the family needs."""
    kept = _needed_without(plan, family)
    names = {pin.name for pin in plan.pins if pin.name in family or pin.name in kept}
    pins = tuple(
        _unseen(pin, str(plan.cell.cuda), names) if pin.name in family else pin
        for pin in plan.pins
        if pin.name in names
    )
    note = (
        f"what torch {plan.cell.torch}+{plan.cell.cuda} itself needs was not read: it is left out"
    )
    return replace(plan, pins=pins, verdict=PlanVerdict.UNKNOWN, notes=(*plan.notes, note))


def _needed_without(plan: Plan, family: Collection[str]) -> set[str]:
    """Names that are asked for by something else than the torch family."""
    pins = {pin.name: pin for pin in plan.pins}
    todo = [
        pin.name
        for pin in plan.pins
        if pin.name not in family and any(asker not in pins for asker in pin.requested_by)
    ]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in seen and name not in family:
            seen.add(name)
            todo += pins[name].requires
    return seen


def _unseen(pin: Pin, cuda: str, names: Collection[str]) -> Pin:
    file = pin.file
    unseen = IndexFile(file.name, file.version, file.filename, None, "torch")
    requires = tuple(name for name in pin.requires if name in names)
    version = f"{pin.version.partition('+')[0]}+{cuda}"
    return replace(pin, version=version, file=unseen, requires=requires)
