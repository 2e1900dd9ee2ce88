"""Small worlds for the solver: an index, a question and the answer, as data (tests/worlds/*.json).

A world: ``packages`` name → version → {``requires``, ``python``, ``tags``, ``yanked``,
``uploaded``, ``sdist``, ``dynamic``, ``broken``}, or a list of requirements for a pure wheel. A
case: ``ask`` (requirements), ``cell`` (python, glibc, cuda) and either ``pins`` or ``conflict``
(the statements of its facts). ``order``: the pins are one of several answers, that of uv.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from torchsolve.errors import UnknownError
from torchsolve.model.choice import Choices, Chooser
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared, DirectFile, DistMetadata, IndexFile, IndexPage
from torchsolve.model.target import Platform, Target
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.solve.question import Fact, FactKind, Question, Rules

FOLDER = Path(__file__).parent.parent / "worlds"


@dataclass
class WorldIndex:
    """An ``Index`` over a dictionary; ``broken`` pages are out of reach."""

    packages: dict[str, dict[str, Any]]
    broken: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    fetches: bool = False

    def page(self, name: NormalizedName) -> IndexPage:
        self.asked.append(name)
        if name in self.broken:
            raise UnknownError("index-unreachable", "no route", origin="https://index.example")
        files = []
        for version, row in self.packages.get(name, {}).items():
            files += list(self._files(name, version, _row(row)))
        return IndexPage(name, tuple(files))

    def shadowed(self, name: NormalizedName) -> str | None:
        return None

    def choices(self, name: NormalizedName, chooser: Chooser) -> Choices:
        page = self.page(name)
        return Choices.of(page, chooser)

    def at_hand(self, name: NormalizedName, chooser: Chooser) -> bool:
        return True

    def whole_page(self, name: NormalizedName) -> IndexPage:
        return self.page(name)

    def _files(
        self, name: NormalizedName, version: str, row: dict[str, Any]
    ) -> Iterable[IndexFile]:
        stem = f"{name.replace('-', '_')}-{version}"
        names = [f"{stem}-{tag}.whl" for tag in row.get("tags", ["py3-none-any"])]
        if row.get("sdist"):
            names = [*([] if "tags" not in row else names), f"{stem}.tar.gz"]
        for filename in names:
            yield IndexFile(
                name,
                Version(version),
                filename,
                f"https://index.example/{filename}",
                "default",
                sha256="0" * 64,
                requires_python=row.get("python"),
                yanked=row.get("yanked"),
                upload_time=datetime.fromisoformat(
                    row.get("uploaded", "2025-01-01T00:00:00+00:00")
                ),
            )

    def metadata(self, file: IndexFile) -> DistMetadata:
        row = _row(self.packages[file.name][str(file.version)])
        if row.get("broken"):
            raise UnknownError("bad-metadata", "there is no Name", origin=file.filename)
        if row.get("dynamic"):
            raise UnknownError(
                "no-static-metadata", "only its setup.py knows", origin=file.filename
            )
        requires = tuple(
            declared(line, f"{file.name} {file.version}", f"METADATA of {file.filename}")
            for line in row.get("requires", [])
        )
        return DistMetadata(file.name, file.version, requires)

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Nothing to gain."""

    def prefetch_metadata(self, files: Iterable[IndexFile]) -> None:
        """Nothing to gain."""


class NoDirect:
    """A ``DirectReader`` that knows nothing."""

    def read(self, requirement: Requirement, origin: str) -> DirectFile:
        raise UnknownError("unreachable", f"{requirement.url} is out of reach", origin=origin)


def _row(row: Any) -> dict[str, Any]:
    return {"requires": row} if isinstance(row, list) else dict(row)


def declared(line: str, subject: str, origin: str) -> Declared:
    evidence = Evidence(subject, f"needs {line}", Strength.DECLARED, origin)
    return Declared(Requirement(line), evidence)


def rules_of(asked: Question) -> Rules:
    """What the requirements of a question let in (pre-releases, withdrawn versions)."""
    found: dict[NormalizedName, tuple[Requirement, ...]] = {}
    for fact in asked.facts:
        if fact.requirement is not None:
            name = canonicalize_name(fact.requirement.name)
            found[name] = (*found.get(name, ()), fact.requirement)
    return Rules(asked=found)


def question(ask: Iterable[str], cell: dict[str, str] | None = None) -> Question:
    """A question in the words of a case."""
    cell = cell or {}
    python = PythonVersion.parse(cell.get("python", "3.12"))
    target = Target.of(python, Platform("linux/amd64"), cell.get("glibc", "2.35"))
    cuda = CudaTag(cell.get("cuda", "cu126"))
    facts = [
        Fact(FactKind.DEMAND, row.evidence, row.requirement)
        for row in (
            declared(line, "the project", f"requirements.txt:{i}") for i, line in enumerate(ask, 1)
        )
    ]
    for kind, text in (
        (FactKind.PYTHON, python),
        (FactKind.GLIBC, cell.get("glibc", "2.35")),
        (FactKind.CUDA, cuda),
    ):
        evidence = Evidence(f"<{kind.value}>", f"is {text}", Strength.DECLARED, "the cell")
        facts.append(Fact(kind, evidence))
    others = tuple(PythonVersion(3, minor) for minor in (13, 12, 11, 10))
    torch = cell.get("torch")
    return Question(tuple(facts), target, cuda, Version(torch) if torch else None, others)


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Every case of every world, with a name for the test's id."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        world = json.loads(path.read_text())
        for number, case in enumerate(world["cases"]):
            found.append((f"{path.stem}-{number}", {"packages": world["packages"], **case}))
    return found
