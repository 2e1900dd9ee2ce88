"""``resolve`` as a person sees it: the screen of DESIGN section 6."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import PurePosixPath

from torchsolve.model.outcome import Resolution
from torchsolve.model.plan import Layer, Pin, Plan, PlanVerdict, WheelVerdict
from torchsolve.model.project import ProjectFacts, WheelFact
from torchsolve.report.claims import claims_block
from torchsolve.report.links import broken_wheels, link_block, unknown_libraries
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Row, Screen, row
from torchsolve.report.surfaces import import_lines, surface_blocks, unplanned_steps

VERDICT_STYLE = {
    "proven": "bold green",
    "declared": "green",
    "linked": "yellow",
    "unknown": "yellow",
    "loads": "green",
    "links": "yellow",
    "refuted": "red",
    "pure": "",
    "solved": "green",
    "infeasible": "red",
    "passed": "green",
    "failed": "red",
    "skipped": "yellow",
}
_LABEL_WIDTH = 8
# Changes to an earlier lock that the screen shows; the JSON has all.
_CHANGES = 10


def resolution_screen(resolution: Resolution, checked: date | None = None) -> Screen:
    """What was read, the plan, what was left out and what disagrees.

    ``checked``: when the oldest of the compatibility tables behind it was last looked over.
    """
    plan = resolution.plan
    blocks = [Block(tuple(map(_project_row, resolution.projects)), indent=0)]
    if plan is None:
        claims = claims_block(resolution.claims)
        return (*blocks, unplanned_steps(resolution), claims, *_notes(resolution))
    return (
        *blocks,
        _plan_block(plan, resolution, checked),
        *_wheel_blocks(resolution.projects, plan),
        _disagreements(plan),
        _companions(plan),
        *surface_blocks(plan),
        claims_block(resolution.claims),
        link_block(plan),
        _not_layered(resolution),
        _undecided(resolution),
        *_notes(resolution),
    )


def counted(number: int, one: str, many: str = "") -> str:
    """``1 wheel``, ``2 wheels``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _project_row(project: ProjectFacts) -> Row:
    commit = project.source.commit
    name = f"{project.name} @ {commit[:7]}" if commit else project.name
    folders = {PurePosixPath(_place(wheel)).parent for wheel in project.wheels}
    parts = [counted(len(project.requirements), "requirement")]
    if project.wheels:
        folder_count = counted(len(folders), "folder")
        parts.append(f"{counted(len(project.wheels), 'Linux wheel')} in {folder_count}")
    if project.foreign:
        parts.append(f"{counted(len(project.foreign), 'wheel')} for other systems")
    if project.undeclared:
        parts.append(counted(len(project.undeclared), "undeclared import"))
    return row(Cell(name, "bold"), " · ".join(parts))


def _plan_block(plan: Plan, resolution: Resolution, checked: date | None) -> Block:
    head = [
        ("cell", str(plan.cell), plan.verdict.value + broken_wheels(plan)),
        ("image", plan.image.ref, plan.strategy.value),
    ]
    width = max(len(value) for _, value, _ in head) + 4
    rows = [row(label, f"{value:<{width}}{tail}") for label, value, tail in head]
    rows[0] = row("cell", Cell(f"{head[0][1]:<{width}}{head[0][2]}", _style(plan.verdict)))
    parts: tuple[tuple[str, Callable[[Plan], list[str]]], ...] = (
        ("torch", _torch),
        ("wheels", _wheels),
        ("packages", _packages),
        ("comfyui", _comfyui),
        ("runs on", _runs_on),
        ("driver", _driver),
        ("system", _system),
        ("weights", _weights),
        ("left out", _left_out),
    )
    for label, lines in parts:
        for number, line in enumerate(lines(plan)):
            rows.append(row("" if number else label, line))
    for number, line in enumerate(import_lines(resolution.projects, plan)):
        rows.append(row("" if number else "imports", line))
    if checked is not None:
        rows.append(row("facts", f"tables of {checked}"))
    labelled = tuple((Cell(f"{first.text:<{_LABEL_WIDTH}}", "dim"), *rest) for first, *rest in rows)
    return Block(labelled, gap=2)


def _style(verdict: PlanVerdict) -> str:
    return VERDICT_STYLE[verdict.value]


def _torch(plan: Plan) -> list[str]:
    if plan.torch_version is None:
        return []
    shown = ("torchvision", "torchaudio", "xformers", "triton")
    family = [f"{name} {_public(pin.version)}" for name in shown if (pin := plan.pin(name))]
    return [" · ".join([f"{_public(plan.torch_version)} ({plan.cell.cuda})", *family])]


def _public(version: str) -> str:
    return version.partition("+")[0]


def _wheels(plan: Plan) -> list[str]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pin in plan.pins:
        if pin.layer is Layer.PROJECT:
            verdict = "could not be read" if pin.unread else _wheel_verdict(plan, pin)
            groups[_pin_folder(pin), verdict].append(pin.name)
    return _aligned(
        (folder, " ".join(names), verdict) for (folder, verdict), names in groups.items()
    )


def _wheel_verdict(plan: Plan, pin: Pin) -> str:
    """A wheel whose binaries were not asked is as its labels say, no more."""
    unasked = plan.verdict is PlanVerdict.DECLARED and pin.verdict is WheelVerdict.UNKNOWN
    return "as labelled, binaries not read" if unasked else pin.verdict.value


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Columns padded to their widest; four blanks apart."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "    ".join(f"{text:<{width}}" for text, width in zip(cells, widths, strict=True)).rstrip()
        for cells in table
    ]


def _pin_folder(pin: Pin) -> str:
    return str(PurePosixPath(pin.file.place).parent) if pin.file.place else pin.file.index


def _packages(plan: Plan) -> list[str]:
    kept = sum(pin.layer is Layer.BASE for pin in plan.pins)
    pinned = counted(len(plan.pins) - kept, "package") + " pinned"
    return [pinned + (f", {kept} kept as the base has them" if kept else "")]


def _comfyui(plan: Plan) -> list[str]:
    comfyui = plan.comfyui
    if comfyui is None:
        lacks = plan.inventory is None or not plan.inventory.comfyui
        missing = lacks and any(node.is_node for node in plan.nodes)
        return ["none: the image has the node and what it needs, no ComfyUI"] if missing else []
    commit = comfyui.commit or ""
    told = not commit or commit.startswith(comfyui.version)  # a version may be the short commit
    return [comfyui.version if told else f"{comfyui.version} @ {commit[:7]}"]


def _runs_on(plan: Plan) -> list[str]:
    gpu = plan.gpu
    native = " ".join(gpu.native)
    ptx = f"{' '.join(gpu.ptx)} by PTX" if gpu.ptx else ""
    lines = ["; ".join(part for part in (native, ptx) if part)]
    if lines[0] and not gpu.complete:
        lines[0] += f"    {_not_read(gpu.unread)}"
    lines += [
        f"not on {' '.join(sms)}: {', '.join(names)}" for names, sms in _by_wheels(gpu.missing)
    ]
    lines += [
        f"in part on {' '.join(sms)}: some kernels of {', '.join(names)} have no code for it"
        for names, sms in _by_wheels(gpu.partial)
    ]
    return [line for line in lines if line]


def _not_read(wheels: tuple[str, ...]) -> str:
    if not wheels:
        return "by torch's own list: no wheel was read for GPU code"
    return f"not read for GPU code: {' '.join(wheels)}"


def _by_wheels(
    rows: Iterable[tuple[str, tuple[str, ...]]],
) -> list[tuple[tuple[str, ...], list[str]]]:
    """Capabilities by the wheels that they are told of."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for capability, wheels in rows:
        groups.setdefault(wheels, []).append(capability)
    return list(groups.items())


def _driver(plan: Plan) -> list[str]:
    return [f"{plan.driver_min} or newer"] if plan.driver_min else []


def _system(plan: Plan) -> list[str]:
    names = dict.fromkeys(package.name for package in plan.system_packages if package.name)
    return ([" ".join(names)] if names else []) + unknown_libraries(plan)


def _weights(plan: Plan) -> list[str]:
    if not plan.weights:
        return []
    repositories = sorted({model.repo for model in plan.weights if model.repo})
    gated = sorted({model.repo for model in plan.weights if model.repo and model.gated})
    line = counted(len(plan.weights), "model")
    line += (
        f" from {counted(len(repositories), 'repository', 'repositories')}" if repositories else ""
    )
    size = sum(model.size or 0 for model in plan.weights)
    unsized = sum(model.size is None for model in plan.weights)
    if size:
        line += f" · {_gib(size)}" + (f" and {unsized} of unknown size" if unsized else "")
    return [line + (f"; behind a licence: {' '.join(gated)}" if gated else "")]


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _left_out(plan: Plan) -> list[str]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in plan.exceptions:
        groups[edge.package, edge.reason].append(_edge(edge.dropped))
    return _aligned(
        (f"{package} → {', '.join(dropped)}", reason)
        for (package, reason), dropped in groups.items()
    )


def _edge(requirement: str) -> str:
    name, at, url = requirement.partition(" @ ")
    return f"{name} ({'git' if url.startswith('git+') else 'file'})" if at else name


def _wheel_blocks(projects: Iterable[ProjectFacts], plan: Plan) -> list[Block]:
    used = {(pin.file.place, pin.file.filename) for pin in plan.pins}
    unread = tuple(row(_place(w), w.unread) for p in projects for w in p.wheels if w.unread)
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for project in projects:
        for wheel in project.wheels:
            if (wheel.file.place, wheel.file.filename) not in used and not wheel.unread:
                folder = str(PurePosixPath(_place(wheel)).parent)
                groups[folder, _why_skipped(wheel, plan)].append(str(wheel.file.name))
    skipped = tuple(
        row(folder, " ".join(dict.fromkeys(names)), why) for (folder, why), names in groups.items()
    )
    headings = (("Wheels that could not be read", unread), ("Wheels that were not taken", skipped))
    return [Block(rows, heading) for heading, rows in headings if rows]


def _why_skipped(wheel: WheelFact, plan: Plan) -> str:
    from packaging.specifiers import SpecifierSet

    torch = plan.cell.torch
    if torch and wheel.torch and not SpecifierSet(wheel.torch).contains(torch.public):
        return f"for torch {wheel.torch}"
    if not wheel.required:
        return "nothing imports it at module level"
    return "another file of that name serves, or the cell's Python or C library is not its own"


def _place(wheel: WheelFact) -> str:
    return wheel.file.place or wheel.file.filename


def _disagreements(plan: Plan) -> Block:
    rows = tuple(
        row(d.subject, f"{d.claim.statement}, but {d.fact.statement} [{redact(d.fact.origin)}]")
        for d in plan.disagreements
    )
    return Block(rows, "Labels that disagree" if rows else "")


def _companions(plan: Plan) -> Block:
    rows = tuple(row(e.subject, f"{e.statement} [{redact(e.origin)}]") for e in plan.companions)
    return Block(rows, "Held together by tables, since METADATA does not say so" if rows else "")


def _not_layered(resolution: Resolution) -> Block:
    """Why a plan beside a conflict stands alone: the image of ``--base`` could not be kept."""
    conflict = resolution.conflict
    if conflict is None:
        return Block(())
    base = next((o.image.ref for o in resolution.tried if str(o.cell) == conflict.cell), "")
    rows = tuple(row(e.subject, f"{e.statement} [{redact(e.origin)}]") for e in conflict.facts)
    rejected = tuple(row("rejected", redact(choice)) for choice in conflict.rejected)
    return Block(rows + rejected, f"Not layered on {base or conflict.cell}: {conflict.reference}")


def _undecided(resolution: Resolution) -> Block:
    rows = tuple(row(e.subject, f"{e.statement} [{redact(e.origin)}]") for e in resolution.reasons)
    return Block(rows, "Could not be decided" if rows else "")


def _kept(resolution: Resolution) -> list[str]:
    """What became of an earlier lock; its head, and a few changes."""
    head, changes = resolution.kept[:1], resolution.kept[1:]
    more = [f"  and {len(changes) - _CHANGES} more"] if len(changes) > _CHANGES else []
    return [*head, *(f"  {line}" for line in changes[:_CHANGES]), *more]


def _notes(resolution: Resolution) -> list[Block]:
    plan_notes = resolution.plan.notes if resolution.plan else ()
    notes = [note for project in resolution.projects for note in project.notes]
    lines = list(dict.fromkeys([*notes, *plan_notes]))
    lines += _kept(resolution)
    if resolution.witness:
        lines.append(resolution.witness)
    if resolution.untried:
        lines.append(f"{counted(resolution.untried, 'further cell')} not tried")
    return [Block(tuple(row(redact(line)) for line in lines), "Notes")] if lines else []
