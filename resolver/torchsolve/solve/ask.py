"""From projects, ComfyUI and a cell to the facts of a question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from torchsolve.config import Settings
from torchsolve.facts import Facts
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared, IndexFile
from torchsolve.model.project import ComfyUI, ProjectFacts, WheelFact
from torchsolve.model.proof import Place
from torchsolve.model.version import PythonVersion
from torchsolve.solve.cells import Cell
from torchsolve.solve.claims import scripted_requirements, served_imports
from torchsolve.solve.question import Companion, Fact, FactKind, Question, Rules

if TYPE_CHECKING:
    from torchsolve.model.inventory import ImageInventory


def project_facts(
    projects: Iterable[ProjectFacts], comfyui: ComfyUI | None, settings: Settings
) -> tuple[Fact, ...]:
    """What all projects and ComfyUI ask for, in every cell alike."""
    facts: list[Fact] = []
    for project in projects:
        facts += _demands(project.requirements)
        facts += [
            Fact(FactKind.BOUND, row.evidence, row.requirement) for row in project.constraints
        ]
        if settings.undeclared:
            facts += _demands(project.undeclared)
        facts += _bundled(project.wheels)
    if comfyui is not None:
        facts += _demands(comfyui.requirements)
    return tuple(dict.fromkeys(facts))


def _demands(rows: Iterable[Declared]) -> list[Fact]:
    return [Fact(FactKind.DEMAND, row.evidence, row.requirement) for row in rows]


def _bundled(wheels: Iterable[WheelFact]) -> list[Fact]:
    files: dict[str, list[IndexFile]] = {}
    for wheel in wheels:
        if wheel.required:
            files.setdefault(wheel.file.name, []).append(wheel.file)
    return [
        Fact(FactKind.BUNDLED, _is_bundled(name, found), Requirement(name))
        for name, found in files.items()
    ]


def _is_bundled(name: str, files: Sequence[IndexFile]) -> Evidence:
    """One wheel, or several of one name: which of them counts a cell decides."""
    names = ", ".join(dict.fromkeys(file.filename for file in files))
    places = [file.place or file.filename for file in files]
    if len(places) > 1:
        places = list(dict.fromkeys(place.rpartition("/")[0] or "." for place in places))
    text = f"is imported and bundled ({names})"
    return Evidence(name, text, Strength.CLAIMED, " ".join(places))


def ask(
    cell: Cell,
    facts: tuple[Fact, ...],
    settings: Settings,
    pythons: tuple[PythonVersion, ...],
    projects: Iterable[ProjectFacts] = (),
) -> Question:
    """The question of one cell, with what the scripts of ``projects`` claim there."""
    claimed = scripted_requirements(projects, cell) if settings.undeclared else ()
    served = served_imports(projects, cell) if claimed else frozenset()
    if served:
        facts = tuple(fact for fact in facts if fact.evidence not in served)
    own = [
        *_demands(claimed),
        Fact(FactKind.PYTHON, cell.python_fact),
        Fact(FactKind.GLIBC, cell.glibc_fact),
    ]
    if cell.id.torch is not None:
        own.append(Fact(FactKind.CUDA, cell.cuda_fact))
        kind = FactKind.DEMAND if settings.torch else FactKind.BOUND
        exact = _pinned_torch(cell.id.torch)
        own.append(Fact(kind, cell.torch_fact, exact))
    place = place_of(cell) if settings.reads_binaries else None
    left_out = tuple((NormalizedName(name), f"--exclude {name}") for name in settings.excludes)
    return Question(
        (*facts, *own), cell.target, cell.id.cuda, cell.id.torch, pythons, place, left_out
    )


@lru_cache(maxsize=256)
def _pinned_torch(version: Version) -> Requirement:
    return Requirement(f"torch=={version}")


def asked_torch(facts: Iterable[Fact], rules: Rules) -> tuple[SpecifierSet, ...]:
    """What is asked of torch in every cell alike, where its releases alone can answer that."""
    if rules.inventory is not None or "torch" in rules.wheels:
        return ()
    rows = [fact.requirement for fact in facts if fact.kind is FactKind.DEMAND]
    return tuple(
        row.specifier
        for row in rows
        if row is not None
        and canonicalize_name(row.name) == "torch"
        and not (row.url or row.marker)
        and not any("+" in spec.version or spec.operator == "===" for spec in row.specifier)
    )


def place_of(cell: Cell) -> Place | None:
    """What binaries are judged by; None without torch."""
    if cell.id.torch is None:
        return None
    default = cell.build is not None and cell.build.default
    image = cell.image
    machine = cell.id.platform.machine
    return Place(cell.id.torch, cell.id.cuda, default, image.glibc, image.libstdcxx, machine)


def kept_facts(inventory: ImageInventory, family: frozenset[str]) -> tuple[Fact, ...]:
    """The torch family of an image stays as it is."""
    facts = []
    for dist in inventory.dists:
        if dist.name in family:
            text = f"holds {dist.name} {dist.version}"
            evidence = Evidence("<image>", text, Strength.OBSERVED, inventory.ref)
            exact = Requirement(f"{dist.name}=={dist.version}")
            facts.append(Fact(FactKind.BOUND, evidence, exact))
    return tuple(facts)


def make_rules(
    projects: Iterable[ProjectFacts],
    settings: Settings,
    tables: Facts,
    cutoff: datetime | None,
    inventory: ImageInventory | None,
    facts: Iterable[Fact] = (),
) -> Rules:
    """What holds in every cell of this run. ``facts``: those of every cell."""
    projects = tuple(projects)
    edges = [row.partition(":") for row in settings.no_deps]
    wheels: dict[NormalizedName, tuple[WheelFact, ...]] = {}
    for project in projects:
        for wheel in project.wheels:
            wheels[wheel.file.name] = (*wheels.get(wheel.file.name, ()), wheel)
    overrides = (Requirement(text) for text in settings.overrides)
    hashes = _hashes(projects)
    return Rules(
        overrides={canonicalize_name(row.name): row for row in overrides},
        no_deps=frozenset(name for name, colon, _ in edges if not colon),
        no_edges=frozenset((name, dep) for name, colon, dep in edges if colon),
        exclude_newer=cutoff,
        no_binary=frozenset(settings.no_binary).union(*(p.no_binary for p in projects)),
        only_binary=frozenset(settings.only_binary).union(*(p.only_binary for p in projects)),
        hashes=hashes,
        require_hashes=any(project.require_hashes for project in projects),
        wheels=wheels,
        companions=_companions(tables),
        inventory=inventory,
        names_only=settings.evidence == "names",
        pre=settings.pre or any(project.pre for project in projects),
        asked=_by_name(fact.requirement for fact in facts if fact.requirement is not None),
    )


def _by_name(rows: Iterable[Requirement]) -> dict[NormalizedName, tuple[Requirement, ...]]:
    found: dict[NormalizedName, tuple[Requirement, ...]] = {}
    for row in rows:
        name = canonicalize_name(row.name)
        found[name] = (*found.get(name, ()), row)
    return found


def _hashes(projects: Iterable[ProjectFacts]) -> dict[NormalizedName, frozenset[str]]:
    """By name the hashes that every project allows; only sha256 can be held against an index."""
    found: dict[NormalizedName, frozenset[str]] = {}
    for project in projects:
        for name, allowed in project.hashes:
            known = frozenset(text for text in allowed if text.startswith("sha256:"))
            if known:
                key = NormalizedName(name)
                found[key] = found[key] & known if key in found else known
    return found


def _companions(tables: Facts) -> tuple[Companion, ...]:
    rows = []
    for row in tables.companions:
        major = row.cuda_major or (row.cuda.major if row.cuda else None)
        goes = [f"torch {row.torch}" if row.torch else "", f"CUDA {major}" if major else ""]
        text = f"goes with {' and '.join(part for part in goes if part)}: {row.why}"
        evidence = Evidence(
            f"{row.package} {row.version}", text, Strength.CLAIMED, "matrices/companions.toml"
        )
        torch = SpecifierSet(row.torch) if row.torch else None
        rows.append(Companion(row.package, SpecifierSet(row.version), torch, major, evidence))
    return tuple(rows)
