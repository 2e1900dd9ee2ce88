"""What a resolution tells beside its plan: why this cell, and who asked for which version."""

from __future__ import annotations

from packaging.version import Version

from torchsolve.config import Settings
from torchsolve.facts import Facts
from torchsolve.model.evidence import Evidence
from torchsolve.model.plan import CellOutcome, Plan, Strategy
from torchsolve.model.preferences import Preferences
from torchsolve.solve.keys import split_key
from torchsolve.solve.problem import Problem


def requirements_on_pins(
    problem: Problem, picks: dict[str, int]
) -> tuple[tuple[str, Evidence], ...]:
    """Pin name and the evidence of each edge and bound on it, by name."""
    edges = [*problem.roots]
    for key, position in picks.items():
        edges += problem.edges(key, position)
        edges += problem.bounds(key)
    rows = [(split_key(edge.key)[0], edge.evidence) for edge in edges]
    return tuple(sorted(dict.fromkeys(rows), key=lambda row: row[0]))


def chosen_because(outcome: CellOutcome, settings: Settings, tables: Facts) -> tuple[str, ...]:
    """The order's own words for the chosen cell (DESIGN section 5, "Which cell")."""
    plan = outcome.plan
    if plan is None:
        return ()
    cell = outcome.cell
    if plan.strategy is Strategy.LAYERED:
        return (f"the base {plan.image.ref} has Python {cell.python} and its own torch",)
    if plan.cell.torch is None and cell.cuda.version is not None:
        return (
            f"nothing needs torch; Python {cell.python} is the newest that solves",
            f"image {plan.image.ref}: its CUDA {cell.cuda.major} libraries are in no wheel",
        )
    if plan.cell.torch is None:
        return (f"nothing needs torch; Python {cell.python} is the newest that solves",)
    build = tables.torch.default_build(plan.cell.torch, cell.platform.machine)
    fixed = "--torch" if settings.torch else f"the {settings.policy} release that solves"
    lines = [f"torch {plan.cell.torch.public}: {fixed}"]
    if settings.cuda:
        lines.append(f"{cell.cuda}: --cuda")
    elif build is not None and build.cuda == cell.cuda:
        lines.append(f"{cell.cuda}: what the default index serves for that release")
    else:
        lines.append(f"{cell.cuda}: the default index's own tag does not solve")
    packaged = cell.python in plan.image.pythons
    why = f"{plan.image.os} packages it" if packaged else "--python"
    return (*lines, f"Python {cell.python}: {why}", f"image {plan.image.ref}: the smallest flavor")


def kept_pins(earlier: Preferences, plan: Plan | None) -> tuple[str, ...]:
    """How many pins of an earlier lock are in the plan again, and each that is not."""
    if plan is None or not earlier.versions:
        return ()
    pinned = {pin.name: Version(pin.version) for pin in plan.pins}
    common = earlier.versions.keys() & pinned.keys()
    changed = sorted(name for name in common if pinned[name] != earlier.versions[name])
    gone = sorted(earlier.versions.keys() - pinned.keys())
    head = f"{len(common) - len(changed)} of {len(earlier.versions)} pins of {earlier.origin} kept"
    lines = [f"{name} {earlier.versions[name]} → {pinned[name]}" for name in changed]
    return (head, *lines, *(f"{name} {earlier.versions[name]} is not needed" for name in gone))


def built_elsewhere(problem: Problem, picks: dict[str, int]) -> tuple[str, ...]:
    """Names that would be built from source though that version has wheels, for other Pythons."""
    found = []
    for key, position in picks.items():
        option = problem.package(key).options[position]
        if "[" not in key and option.metadata_file is not None:
            found.append(f"{key} {option.version}")
    return tuple(sorted(found))
