"""What a project's source claims of its installation, as blocks of a screen and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from torchsolve.model.install import InstallStep, InstallTarget
from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import Plan
from torchsolve.model.project import ProjectFacts
from torchsolve.model.target import CellId
from torchsolve.model.told import deed, state
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Row, row

if TYPE_CHECKING:
    from torchsolve.model.surface import OptionalImport, Trial

_MOST = 16


def import_lines(projects: Iterable[ProjectFacts], plan: Plan) -> list[str]:
    """Imports that nothing declares: those that the plan has for them alone, and the rest."""
    alone: dict[str, str] = {}
    brought: dict[str, str] = {}
    for project in projects:
        for declared in project.undeclared:
            pin = plan.pin(declared.requirement.name)
            others = set(pin.requested_by) - {project.name} if pin else set()
            # Two projects may import one name: what says more of it stands for both.
            said = (brought if others else alone).setdefault(declared.requirement.name, "")
            text = max(said, str(declared.requirement), key=len)
            (brought if others else alone)[declared.requirement.name] = text
    lines = [f"declared nowhere: {' '.join(sorted(alone.values()))}"] if alone else []
    if brought:
        lines.append(f"declared nowhere, brought by others: {' '.join(sorted(brought.values()))}")
    optional = {o.name for p in projects for o in p.optional if o.name and not plan.pin(o.name)}
    if optional:
        lines.append(f"may be missing: {' '.join(sorted(optional))}    --with NAME adds one")
    pins = [pin.name for pin in plan.pins]
    unnamed = (o for p in projects for o in p.optional if not o.name and not o.is_among(pins))
    nameless = {entry.module.partition(".")[0] for entry in unnamed}
    if nameless:
        lines.append(f"may be missing, of no known distribution: {' '.join(sorted(nameless))}")
    return lines


def surface_blocks(plan: Plan) -> list[Block]:
    """Steps of scripts, other surfaces and trials; none where there is nothing to say."""
    steps = [r for node in plan.nodes for r in _first(node.steps, lambda s: _step_row(s, plan))]
    listed = [
        row(surface.place, redact(surface.says))
        for node in plan.nodes
        for surface in node.surfaces[:_MOST]
    ]
    tried = [row(trial.origin, trial_text(trial)) for node in plan.nodes for trial in node.tested]
    blocks = (
        ("Install scripts, read and never run", steps),
        ("Also says how to install it; listed, not followed", listed),
        ("Says that it was tried with (claimed; --policy tested follows it)", tried[:_MOST]),
    )
    return [Block(tuple(rows), heading) for heading, rows in blocks if rows]


def _first(steps: tuple[InstallStep, ...], shown: Any) -> Iterator[Row]:
    yield from (shown(step) for step in steps[:_MOST])
    if len(steps) > _MOST:
        yield row("…", f"{len(steps) - _MOST} more steps: --json lists them", "")


def _step_row(step: InstallStep, plan: Plan | None) -> Row:
    return row(step.origin, redact(f"{step.kind.value} {deed(step)}"), state(step, plan))


def trial_text(trial: Trial) -> str:
    """``torch 2.7.0 · CUDA 12.8 · Python 3.11``."""
    parts = (("torch", trial.torch), ("CUDA", trial.cuda), ("Python", trial.python))
    return " · ".join(f"{label} {value}" for label, value in parts if value)


def explained_cell(resolution: Resolution) -> CellId | None:
    """The cell of the conflict that is shown, else the first that was tried; None: no cell."""
    cells = [outcome.cell for outcome in resolution.tried]
    shown = resolution.conflict.cell if resolution.conflict else ""
    return next((cell for cell in cells if str(cell) == shown), next(iter(cells), None))


def steps_of(project: ProjectFacts, cell: CellId | None) -> tuple[InstallStep, ...]:
    """What its scripts were read to do for a cell; nothing without one."""
    if project.installer is None or cell is None:
        return ()
    return project.installer.read(InstallTarget.of(cell)).steps


def unplanned_steps(resolution: Resolution) -> Block:
    """What scripts were read to do, where no plan came of it."""
    cell = explained_cell(resolution)
    rows = [
        r
        for project in resolution.projects
        for r in _first(steps_of(project, cell), lambda s: _step_row(s, None))
    ]
    return Block(tuple(rows), f"Install scripts, read and never run, for {cell}" if rows else "")


def claims_json(project: ProjectFacts, steps: Iterable[InstallStep]) -> dict[str, Any]:
    """Keys for a project; ``steps`` of its scripts for the cell that is shown."""
    return {
        "optional": [_optional(entry) for entry in project.optional],
        "install": [_step(step) for step in steps],
        "surfaces": [
            {"kind": s.kind.value, "place": s.place, "says": redact(s.says)}
            for s in project.surfaces
        ],
        "tested": [
            {"torch": t.torch, "cuda": t.cuda, "python": t.python, "origin": t.origin}
            for t in project.tested
        ],
        "compiles": [
            {"what": c.what, "origin": c.origin, "at_import": c.at_import} for c in project.compiles
        ],
    }


def _optional(entry: OptionalImport) -> dict[str, Any]:
    return {
        "module": entry.module,
        "distribution": entry.name,
        "origin": entry.origin,
        "why": entry.why,
    }


def _step(step: InstallStep) -> dict[str, Any]:
    return {
        "kind": step.kind.value,
        "phase": step.phase.value,
        "what": redact(step.what),
        "place": step.place,
        "options": [redact(option) for option in step.options],
        "unless": list(step.unless),
        "when": list(step.when),
        "decided": step.decided,
        "why": step.why,
        "origin": step.origin,
    }
