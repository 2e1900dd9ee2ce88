"""What projects claim beside their requirements, in a cell: scripts, trials, compilers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence
from torchsolve.model.install import InstallTarget, Phase, Scripted, StepKind
from torchsolve.model.package import Declared
from torchsolve.model.plan import NodeSource
from torchsolve.model.project import ModelFile, ProjectFacts, ProjectKind
from torchsolve.solve.cells import Cell

if TYPE_CHECKING:
    from torchsolve.model.surface import Trial


def scripted(project: ProjectFacts, cell: Cell) -> Scripted:
    """What the project's scripts do on the target of a cell."""
    if project.installer is None:
        return Scripted()
    return project.installer.read(InstallTarget.of(cell.id))


def scripted_requirements(projects: Iterable[ProjectFacts], cell: Cell) -> tuple[Declared, ...]:
    """Claimed requirements of all scripts, in the cell."""
    return tuple(row for project in projects for row in scripted(project, cell).requirements)


def served_imports(projects: Iterable[ProjectFacts], cell: Cell) -> frozenset[Evidence]:
    """Undeclared imports that a script serves by another distribution (onnxruntime-gpu)."""
    return frozenset(
        declared.evidence
        for project in projects
        for declared in project.undeclared
        if canonicalize_name(declared.requirement.name) in scripted(project, cell).serves
    )


def node_sources(projects: Iterable[ProjectFacts], cell: Cell) -> Iterator[NodeSource]:
    """Projects that are placed in the image, with what their source claims."""
    for project in projects:
        if project.is_node or project.kind is ProjectKind.PROJECT:
            yield NodeSource(
                project.name,
                project.is_node,
                project.source,
                project.node_classes,
                steps=scripted(project, cell).steps,
                surfaces=project.surfaces,
                optional=project.optional,
                tested=project.tested,
                compiles=project.compiles,
            )


def weights_of(project: ProjectFacts, cell: Cell) -> Iterator[ModelFile]:
    """What the project loads, and what its scripts download into ``models/`` beside that."""
    known = [model.path for model in project.models]
    yield from project.models
    for step in scripted(project, cell).steps:
        place = step.place or ""
        if step.kind is not StepKind.DOWNLOAD or step.why or not _is_address(step.what):
            continue
        if place.startswith("models/") and not any(_holds(path, place) for path in known):
            known.append(place)
            note = "downloaded by a script of the project, which is not run"
            required = step.decided and step.phase is not Phase.CALL
            yield ModelFile(
                place, step.origin, "url", None, step.what, required=required, note=note
            )


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://")) and "{" not in text


def _holds(path: str, place: str) -> bool:
    return path == place or (path.endswith("/") and place.startswith(path))


def claim_notes(projects: Iterable[ProjectFacts], cell: Cell) -> Iterator[str]:
    """What could not be read of scripts, and compilers that the image lacks."""
    for project in projects:
        yield from scripted(project, cell).notes
        for tool in project.compiles:
            if not tool.at_import and cell.image.flavor != "devel":
                yield (
                    f"{tool.origin}: {tool.what} compiles when a node runs, and needs nvcc: "
                    "a devel image has it (--image)"
                )


def needs_toolkit(projects: Iterable[ProjectFacts]) -> bool:
    """Whether a node compiles CUDA as soon as it is imported."""
    return any(tool.at_import for project in projects for tool in project.compiles)


def by_trial(cells: Sequence[Cell], projects: Iterable[ProjectFacts]) -> tuple[Cell, ...]:
    """Cells in the order of what the projects were tried with: torch, then CUDA, then Python.

    Raises UsageError ``nothing-tested`` where none says it.
    """
    projects = tuple(projects)
    trials = [trial for project in projects for trial in project.tested]
    if not trials:
        raise UsageError(
            "nothing-tested",
            "no README or Dockerfile says what it was tested with",
            origin=", ".join(project.reference for project in projects),
            hint="take --policy newest, or say --torch, --cuda and --python yourself",
        )
    return tuple(sorted(cells, key=lambda cell: min(_distance(cell, t) for t in trials)))


def _distance(cell: Cell, trial: Trial) -> tuple[int, int, int]:
    cuda = int(trial.cuda is not None and cell.id.cuda.dotted != trial.cuda)
    python = int(trial.python is not None and str(cell.id.python) != trial.python)
    return (_torch_distance(cell, trial), cuda, python)


def _torch_distance(cell: Cell, trial: Trial) -> int:
    """0: this release, or this minor where no more is said; else by minors away."""
    if cell.id.torch is None or trial.torch is None:
        return 1000
    try:
        tried = Version(trial.torch)
    except InvalidVersion:
        return 1000
    major, minor, *patch = (*cell.id.torch.release, 0, 0)
    if (major, minor) != (tried.major, tried.minor):
        return 10 + abs((major - tried.major) * 20 + minor - tried.minor)
    said = len(tried.release) > 2
    return 1 if said and patch[0] != tried.micro else 0
