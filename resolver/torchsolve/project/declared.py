"""What a tree declares: its root ``requirements.txt``, else its ``pyproject.toml``."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.values import dataclass
from torchsolve.project import pyproject
from torchsolve.project.requirements import LocalRequirement, Reader, RequirementSet, TreeFiles
from torchsolve.wheel.filename import parse as parse_wheel_name

REQUIREMENTS = "requirements.txt"
PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class TreeRequirements:
    """Reads the declarations of one tree; what it cannot read goes to ``notes``.

    ComfyUI and its managers install ``requirements.txt`` and nothing else, so that file wins, and
    what ``pyproject.toml`` says otherwise is noted. Extras that were asked for are always followed.
    """

    load: Callable[[str], bytes | None]
    name: str
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    expand: bool
    notes: list[str]

    def table(self, extras: tuple[str, ...] | None = None) -> pyproject.Pyproject | None:
        """The root ``pyproject.toml``; None where there is none that can be read.

        Raises UsageError ``bad-toml``, ``bad-requirement`` where there is no ``requirements.txt``
        that could stand in for it.
        """
        data = self.load(PYPROJECT)
        wanted = self.extras if extras is None else extras
        if data is None:
            self.notes.extend(f"there is no extra {extra}: no {PYPROJECT}" for extra in wanted)
            return None
        alone = self.load(REQUIREMENTS) is None
        try:
            table = pyproject.read(
                data,
                path=PYPROJECT,
                subject=self.name,
                extras=wanted,
                strict=False,
                whole=alone,
                groups=self.groups if extras is None else (),
            )
        except UsageError as error:
            if alone:
                raise
            self.notes.append(f"{error.origin}: {error.message}")
            return None
        self.notes.extend(table.notes)
        return table

    def requirements(self, table: pyproject.Pyproject | None) -> RequirementSet:
        """Everything that the tree asks for, with the table of its ``pyproject.toml``."""
        reader = Reader(TreeFiles(self.load), self.name, strict=False, expand=self.expand)
        found = reader.result
        data = self.load(REQUIREMENTS)
        if data is not None:
            reader.read(REQUIREMENTS, data)
            if table is not None:
                self.notes.extend(_differences(found, table))
        elif table is not None:
            for path in map(posixpath.normpath, table.dynamic_files):
                reader.read(path, self.load(path) or b"")
            found.requirements.extend(table.requirements)
        if table is not None:
            for path in map(posixpath.normpath, table.extra_files):
                reader.read(path, self.load(path) or b"")
            found.requirements.extend(table.extras)
            if data is None or table.extras:
                found.indexes.extend(table.indexes)
        self._local(found)
        return found

    def _local(self, found: RequirementSet) -> None:
        """``-e .`` and ``./wheels/x.whl``: the project itself, and a wheel that the tree brings."""
        for item in found.local:
            target = posixpath.normpath(item.local.path)
            if target == "." and self.load(PYPROJECT) is not None:
                itself = self.table(tuple(sorted(item.local.extras)))
                if itself is not None:
                    found.requirements.extend((*itself.requirements, *itself.extras))
            elif self._declares(target, item, found):
                self.notes.append(item.solved)
            elif target.endswith(".whl"):
                found.requirements.extend(self._own_wheel(target, item.origin))
            else:
                self.notes.append(item.unknown)

    def _declares(self, target: str, item: LocalRequirement, found: RequirementSet) -> bool:
        """Follows a folder of the tree that declares all it needs; whether there is one."""
        path = f"{target}/{PYPROJECT}"
        data = self.load(path)
        if data is None:
            return False
        extras = tuple(sorted(item.local.extras))
        try:
            table = pyproject.read(data, path=path, subject=target, extras=extras, strict=False)
        except UsageError as error:
            self.notes.append(f"{error.origin}: {error.message}")
            return False
        found.requirements.extend((*table.requirements, *table.extras))
        self.notes.extend(table.notes)
        return table.declares and not table.dynamic_files

    def _own_wheel(self, place: str, origin: str) -> Iterator[Declared]:
        try:
            name = parse_wheel_name(PurePosixPath(place).name)
        except UsageError as error:
            self.notes.append(f"{origin}: {error.message}")
            return
        requirement = Requirement(f"{name.name}=={name.version}")
        evidence = Evidence(self.name, f"needs {place}", Strength.DECLARED, origin)
        yield Declared(requirement, evidence)


def _differences(found: RequirementSet, table: pyproject.Pyproject) -> Iterator[str]:
    """One note on how the two files differ, where both declare."""
    if not table.declares or table.dynamic_files:
        return
    ours, theirs = _by_name(found.requirements), _by_name(table.requirements)
    both = ours.keys() & theirs.keys()
    parts = [
        f"{label}: {', '.join(sorted(names))}"
        for label, names in (
            (f"only in {REQUIREMENTS}", ours.keys() - theirs.keys()),
            (f"only in {PYPROJECT}", theirs.keys() - ours.keys()),
            ("otherwise bounded", {name for name in both if ours[name] != theirs[name]}),
        )
        if names
    ]
    if parts:
        text = "; ".join(parts)
        yield f"{PYPROJECT} differs from {REQUIREMENTS}, which is what gets installed; {text}"


def _by_name(requirements: Iterable[Declared]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for declared in requirements:
        requirement = declared.requirement
        text = f"{requirement.specifier}{requirement.url or ''}"
        found.setdefault(canonicalize_name(requirement.name), set()).add(text)
    return found
