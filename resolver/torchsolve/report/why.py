"""``why``: the facts behind a version, or behind a cell that fails."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from torchsolve.model.evidence import Evidence
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import Pin, Plan
from torchsolve.report.failure import conflict_facts, resolution_error
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Screen, row


def why_screen(resolution: Resolution, package: str | None) -> Screen:
    """Why ``package`` has its version; without one, why the cell holds or fails."""
    plan, conflict = resolution.plan, resolution.conflict
    if conflict is not None and plan is None:
        title = Cell(f"{conflict.cell} fails: {conflict.reference}", "bold red")
        facts = tuple(row(redact(fact)) for fact in conflict_facts(conflict))
        return (Block((row(title),), indent=0), Block(facts))
    if plan is None:
        error = resolution_error(resolution)
        return (Block((row(error.message if error else "nothing was asked for"),), indent=0),)
    return _package(resolution, plan, package) if package else _cell(resolution, plan)


def _cell(resolution: Resolution, plan: Plan) -> Screen:
    title = row(Cell(str(plan.cell), "bold"), plan.verdict.value)
    reasons = tuple(row(line) for line in resolution.chosen_because)
    failed = tuple(
        row(str(outcome.cell), redact("; ".join(map(str, facts))))
        for outcome in resolution.tried
        if outcome.plan is None
        and (facts := outcome.because or (outcome.conflict.facts if outcome.conflict else ()))
    )
    return (
        Block((title,), indent=0),
        Block(reasons, "Chosen because" if reasons else ""),
        Block(failed, "Cells before it that fail" if failed else ""),
    )


def _package(resolution: Resolution, plan: Plan, package: str) -> Screen:
    name = canonicalize_name(package)
    pin = plan.pin(name)
    if pin is None:
        return (Block((row(f"{name} is not in the plan of {plan.cell}"),), indent=0),)
    title = row(Cell(f"{pin.name} {pin.version}", "bold"), f"in {plan.cell}")
    facts = tuple(
        row(str(fact.strength), redact(str(fact))) for fact in _about(resolution, plan, name)
    )
    return (
        Block((title,), indent=0),
        Block(
            (
                row("file", redact(pin.file.place or pin.file.filename)),
                row("from", redact(pin.file.index)),
                row("asked by", " ".join(pin.requested_by) or "nobody: it was asked for here"),
                row("chain", " → ".join(_chain(plan, pin))),
            )
        ),
        Block(facts, "Facts" if facts else ""),
    )


def _about(resolution: Resolution, plan: Plan, name: str) -> list[Evidence]:
    """Requirements on the package, then what else was claimed or proven of it."""
    asked = [evidence for pin, evidence in resolution.asked if pin == name]
    words = (name, name.replace("-", "_"))
    others = [e for e in (*plan.evidence, *plan.companions) if e.subject.split(" ")[0] in words]
    return list(dict.fromkeys((*asked, *others)))


def _chain(plan: Plan, pin: Pin) -> list[str]:
    """From a root down to the pin, along who asked first; a cycle ends it."""
    chain, seen = [f"{pin.name} {pin.version}"], {pin.name}
    current = pin
    while current.requested_by:
        asker = next((n for n in current.requested_by if plan.pin(n) is None), None)
        if asker is not None:
            return [asker, *chain]
        parent = next((p for n in current.requested_by if (p := plan.pin(n))), None)
        if parent is None or parent.name in seen:
            break
        chain.insert(0, f"{parent.name} {parent.version}")
        seen.add(parent.name)
        current = parent
    return chain
