"""An engine's picks become a ``Plan``: pins with their edges, layers, verdicts and exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.utils import NormalizedName

from torchsolve.model.binary import WheelBinary
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import IndexFile
from torchsolve.model.plan import (
    DroppedEdge,
    Layer,
    Pin,
    Plan,
    PlanVerdict,
    Strategy,
    WheelVerdict,
)
from torchsolve.model.values import dataclass, replace
from torchsolve.solve.cells import Cell
from torchsolve.solve.claims import claim_notes, node_sources, scripted, weights_of
from torchsolve.solve.context import Context
from torchsolve.solve.keys import split_key
from torchsolve.solve.labels import disagreements
from torchsolve.solve.options import Option, is_compiled
from torchsolve.solve.problem import Edge, Problem
from torchsolve.solve.question import Companion
from torchsolve.solve.remarks import remarks
from torchsolve.solve.required import gate
from torchsolve.solve.runtime import (
    driver_minimum,
    gpu_coverage,
    needs_compiler,
    system_packages,
)
from torchsolve.solve.shared import shared_remarks


@dataclass(slots=True)
class _Graph:
    """Edges of the picked packages by name, extras folded into their package."""

    needs: dict[str, set[str]]
    asked_by: dict[str, set[str]]


def make_plan(cell: Cell, problem: Problem, picks: dict[str, int], context: Context) -> Plan:
    """The plan of a solved cell. ``picks`` were checked against the problem."""
    names = sorted(key for key in picks if not key.startswith("<") and "[" not in key)
    graph = _graph(problem, picks, context, cell)
    torch_layer = _closure("torch", graph.needs) if "torch" in picks else set()
    torch_layer |= {name for name in names if name in context.tables.torch.family}
    drops = _drops(problem, picks)
    pins = tuple(_pin(name, picks[name], graph, torch_layer, context, problem) for name in names)
    torch_pin = next((pin for pin in pins if pin.name == "torch"), None)
    layered = context.inventory is not None
    tables, asked = context.tables, tuple(sorted({gpu.capability for gpu in context.gpus}))
    driver = context.settings.driver
    build = cell.build if torch_pin else None
    gpu = gpu_coverage(build, pins, tables, _binaries(problem, picks), driver)
    return Plan(
        cell=cell.id if torch_pin else replace(cell.id, torch=None),
        strategy=Strategy.LAYERED if layered else Strategy.STANDALONE,
        image=cell.image,
        verdict=_plan_verdict(pins, problem, context.settings.trust_labels),
        pins=pins,
        exceptions=drops,
        gpu=gpu.gpu,
        gpus_asked=asked,
        driver_min=driver_minimum(cell.id.cuda, tables, asked, gpu),
        system_packages=system_packages(pins, cell.image.os, context.tables),
        weights=tuple(w for project in context.projects for w in weights_of(project, cell)),
        nodes=tuple(node_sources(context.projects, cell)),
        comfyui=context.comfyui,
        inventory=context.inventory,
        overrides=tuple(sorted(context.settings.overrides)),
        indexes=_indexes(pins, context, cell),
        evidence=(*_labels(problem, picks), *_proofs(problem, picks)),
        disagreements=disagreements(cell, pins, context),
        companions=_companions(problem, picks),
        needs_compiler=needs_compiler(pins, context.tables) or _compiles(context),
        notes=(
            *(note for project in context.projects for note in project.notes),
            *(claim_notes(context.projects, cell)),
            *remarks(problem, picks),
            *(() if layered else gate(cell.image, driver, tables.drivers)),
            *shared_remarks(context.tables.import_names, problem, picks),
        ),
    )


def _compiles(context: Context) -> bool:
    return any(project.compiles for project in context.projects)


def _graph(problem: Problem, picks: dict[str, int], context: Context, cell: Cell) -> _Graph:
    graph = _Graph({}, {})
    for key, position in picks.items():
        for edge in problem.edges(key, position):
            parent, child = split_key(key)[0], split_key(edge.key)[0]
            if parent != child and not child.startswith("<") and child in picks:
                if not edge.said.is_requirement:
                    continue
                graph.needs.setdefault(parent, set()).add(child)
                graph.asked_by.setdefault(child, set()).add(parent)
    askers = _askers(context, cell)
    for root in problem.roots:
        name, said = split_key(root.key)[0], root.evidence
        asker = askers.get(said) or askers.get(said.origin) or said.origin
        graph.asked_by.setdefault(name, set()).add(asker)
    return graph


def _askers(context: Context, cell: Cell) -> dict[Evidence | str, str]:
    """Who states a fact, for people, by the fact or by the place of a wheel: a project, ComfyUI."""
    found: dict[Evidence | str, str] = {}
    for project in context.projects:
        rows = (*project.requirements, *project.undeclared, *scripted(project, cell).requirements)
        for row in rows:
            found.setdefault(row.evidence, project.name)
        for wheel in project.wheels:
            if wheel.file.place:
                found.setdefault(wheel.file.place, project.name)
    for row in context.comfyui.requirements if context.comfyui else ():
        found.setdefault(row.evidence, "ComfyUI")
    return found


def _closure(name: str, needs: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [name]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo += needs.get(current, set())
    return seen


def _pin(
    name: str,
    position: int,
    graph: _Graph,
    torch_layer: set[str],
    context: Context,
    problem: Problem,
) -> Pin:
    package = problem.package(name)
    option = package.options[position]
    file = option.file
    assert file is not None  # noqa: S101 - only virtual packages have none, and they are no pins
    requires = tuple(sorted(graph.needs.get(name, ())))
    told = problem.shelf.told(package, position)
    coupled = problem.is_coupled(package, position, problem.edges(name, position))
    unread = option.unread
    if unread is None and told is None and name not in problem.rules.no_deps:
        unread = problem.shelf.unread.get(
            (name, str(option.version)), "its dependencies cannot be told without building it"
        )
    return Pin(
        name=name,
        version=str(option.version),
        file=file,
        layer=_layer(name, option, torch_layer),
        requested_by=tuple(sorted(graph.asked_by.get(name, ()))),
        requires=requires,
        verdict=_proven(name, position, problem) or _verdict(file, coupled, unread),
        torch_coupled=coupled,
        no_deps=_no_deps(name, context),
        vcs=option.vcs,
        unread=unread,
    )


def _no_deps(name: str, context: Context) -> str | None:
    return f"--no-deps {name}" if name in context.settings.no_deps else None


def _layer(name: str, option: Option, torch_layer: set[str]) -> Layer:
    if option.file is not None and option.file.index == "base":
        return Layer.BASE
    if option.wheel is not None or option.vcs is not None:
        return Layer.PROJECT
    return Layer.TORCH if name in torch_layer else Layer.REST


def _verdict(file: IndexFile, coupled: bool, unread: str | None) -> WheelVerdict:
    if unread is not None or coupled or not (file.is_wheel or file.index == "base"):
        return WheelVerdict.UNKNOWN
    return WheelVerdict.LOADS if is_compiled(file) else WheelVerdict.PURE


def _plan_verdict(pins: Sequence[Pin], problem: Problem, trust_labels: bool) -> PlanVerdict:
    """The weakest of the torch-coupled wheels; ``declared`` while binaries are not asked.

    ``unknown`` where a closure may have a hole. What is built from source was never read.
    """
    holes = [pin for pin in pins if pin.unread is not None and pin.no_deps is None]
    if trust_labels:
        holes = [pin for pin in holes if pin.file.index != "project"]
    if holes:
        return PlanVerdict.UNKNOWN
    if problem.question.place is None:
        return PlanVerdict.DECLARED
    found = {pin.verdict for pin in pins if pin.torch_coupled}
    if WheelVerdict.UNKNOWN in found:
        return PlanVerdict.UNKNOWN
    if any(pin.is_source and "torch" in pin.requires for pin in pins):
        return PlanVerdict.DECLARED
    return PlanVerdict.LINKED if WheelVerdict.LINKS in found else PlanVerdict.PROVEN


def _proven(name: str, position: int, problem: Problem) -> WheelVerdict | None:
    proof = problem.proof(name, position)
    return proof.verdict if proof is not None else None


def _proofs(problem: Problem, picks: dict[str, int]) -> tuple[Evidence, ...]:
    """What binaries say of the picked wheels."""
    found = [problem.proof(key, position) for key, position in sorted(picks.items())]
    return tuple(proof.evidence for proof in found if proof is not None)


def _binaries(problem: Problem, picks: dict[str, int]) -> tuple[tuple[str, WheelBinary], ...]:
    found = [(key, problem.proof(key, position)) for key, position in sorted(picks.items())]
    return tuple((key, proof.binary) for key, proof in found if proof and proof.binary)


def _drops(problem: Problem, picks: dict[str, int]) -> tuple[DroppedEdge, ...]:
    rows = set()
    drops = [drop for key, position in picks.items() for drop in problem.drops(key, position)]
    for drop in (*problem.fact_drops, *drops):
        evidence = (drop.evidence, *_server(problem, picks, drop.name))
        rows.add(DroppedEdge(drop.package, drop.dropped, drop.reason, evidence))
    return tuple(sorted(rows, key=lambda row: (row.package, row.dropped)))


def _server(problem: Problem, picks: dict[str, int], name: NormalizedName) -> tuple[Evidence, ...]:
    """The bundled wheel of the plan that serves in place of what was dropped."""
    position = picks.get(name)
    wheel = problem.package(name).options[position].wheel if position is not None else None
    if wheel is None:
        return ()
    place = wheel.file.place or wheel.file.filename
    return (Evidence(name, f"is bundled as {wheel.file.filename}", Strength.CLAIMED, place),)


def _labels(problem: Problem, picks: dict[str, int]) -> tuple[Evidence, ...]:
    """What the names of the plan's own wheels claim."""
    edges = [edge for key, i in sorted(picks.items()) for edge in problem.edges(key, i)]
    rows = {row.evidence for row in problem.rules.companions}
    found = [
        e.evidence for e in edges if e.key in ("torch", "<cuda>") and not e.said.is_requirement
    ]
    return tuple(dict.fromkeys(evidence for evidence in found if evidence not in rows))


def _companions(problem: Problem, picks: dict[str, int]) -> tuple[Evidence, ...]:
    """Rows of ``matrices/`` that alone tie what was picked, or alone ruled a newer one out."""
    return tuple(
        dict.fromkeys(
            row.evidence
            for row in problem.rules.companions
            if row.package in picks
            and any(
                _spoke(row, problem, picks, position) for position in range(picks[row.package] + 1)
            )
        )
    )


def _spoke(row: Companion, problem: Problem, picks: dict[str, int], position: int) -> bool:
    """Whether METADATA alone would have let this option into the plan, and the row says more."""
    if not row.specifier.contains(problem.package(row.package).options[position].version):
        return False
    edges = problem.known_edges(row.package, position)
    declared = [edge for edge in edges if edge.said.is_requirement and edge.key in picks]
    if not edges or not all(edge.mask >> picks[edge.key] & 1 for edge in declared):
        return False
    said = [edge for edge in edges if edge.evidence == row.evidence]
    if position != picks[row.package]:
        return any(edge.key in picks and not edge.mask >> picks[edge.key] & 1 for edge in said) or (
            any(not edge.mask for edge in said)
        )
    return not all(_is_declared(edge, row, declared) for edge in said)


def _is_declared(said: Edge, row: Companion, declared: Iterable[Edge]) -> bool:
    """Whether METADATA asks for as much as a row does: a torch, or CUDA's wheels of that major."""
    if said.key == "torch":
        return any(edge.key == "torch" and not edge.mask & ~said.mask for edge in declared)
    return any(edge.key.endswith(f"-cu{row.cuda}") for edge in declared)


def _indexes(pins: tuple[Pin, ...], context: Context, cell: Cell) -> tuple[tuple[str, str], ...]:
    labels = {pin.file.index for pin in pins}
    rows = {}
    if "default" in labels:
        rows["default"] = context.default_url
    if "torch" in labels:
        rows["torch"] = context.tables.torch.index_url(cell.id.cuda)
    rows |= {label: label for label in labels if "://" in label}
    return tuple(sorted(rows.items()))
