"""Imports that no requirement declares: which distributions they claim, and which may be missing.

A module's distribution is told by, in this order: the project's own wheels, ``data/imports.txt``, a
declared requirement of that name, a folder of the tree of that name (``sys.path`` makes it local),
a requirement that is named like it (``ffmpeg-python``; said where no wheel of it could be looked
into), and the index: the newest wheel of that name, looked into. Nothing joins by its name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.package import Declared
from torchsolve.model.project import WheelFact
from torchsolve.model.surface import OptionalImport, bears
from torchsolve.model.values import dataclass, field
from torchsolve.project.distributions import distributions_of
from torchsolve.project.scan.needs import Need

ModulesOf = Callable[[str], tuple[str, ...] | None]


@dataclass(slots=True)
class Claims:
    """What imports add up to.

    Attributes:
        undeclared: claimed requirements.
        imported: outermost names of all modules that are surely imported.
    """

    undeclared: list[Declared] = field(default_factory=list)
    optional: list[OptionalImport] = field(default_factory=list)
    imported: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportReader:
    """Turns needs into claims.

    Args:
        subject: the project's name.
        host: modules that ComfyUI itself brings.
        wheels: the project's own.
        declared: PEP 503 names of its requirements.
        local: names of files and folders of the tree that hold Python.
        submodules: folders of the tree that are other repositories.
        modules_of: what the newest wheel of a name brings; None: not asked, or it has none.
        wanted: names of optional imports that were asked for (``--with``).
    """

    subject: str
    host: frozenset[str]
    wheels: tuple[WheelFact, ...]
    declared: frozenset[str]
    local: frozenset[str]
    submodules: tuple[str, ...]
    modules_of: ModulesOf
    wanted: frozenset[str] = frozenset()

    def claims(self, needs: Iterable[Need]) -> Claims:
        """One claim a distribution, at its first import."""
        found = Claims()
        needs = tuple(needs)
        found.imported = frozenset(need.top for need in needs if need.required)
        seen: set[str] = set()
        unknown: dict[str, Need] = {}
        for need in needs:
            if need.top in self.host or self._own_wheel(need) or self._of_submodule(need):
                continue
            names = distributions_of(need.module) or self._named(need)
            if set(names) & self.declared or set(names) & seen:
                continue
            if names:
                seen.add(names[0])
                self._claim(found, need, names[0])
            elif need.top not in self.local:
                unknown.setdefault(need.top, need)
        self._unknown(found, unknown.values(), seen)
        return found

    def _own_wheel(self, need: Need) -> bool:
        return any(need.top == m.partition(".")[0] for w in self.wheels for m in w.modules) or any(
            not w.modules and w.file.name.replace("-", "_") == need.top for w in self.wheels
        )

    def _of_submodule(self, need: Need) -> bool:
        names = {canonicalize_name(PurePosixPath(path).name) for path in self.submodules}
        return canonicalize_name(need.top) in names

    def _named(self, need: Need) -> tuple[str, ...]:
        """A declared requirement of the module's own name."""
        name = canonicalize_name(need.top)
        return (name,) if name in self.declared else ()

    def _claim(self, found: Claims, need: Need, name: str) -> None:
        if need.required:
            what = f"imports {name}" if name == need.top else f"imports {need.top}, of {name}"
            found.undeclared.append(self._declared(name, what, need))
            return
        if name in self.wanted:
            found.undeclared.append(self._declared(name, f"may import {need.top} (--with)", need))
        found.optional.append(OptionalImport(need.module, need.origin, need.why or "", name))

    def _declared(self, name: str, what: str, need: Need) -> Declared:
        evidence = Evidence(self.subject, what, Strength.CLAIMED, need.origin)
        return Declared(Requirement(name), evidence)

    def _unknown(self, found: Claims, needs: Iterable[Need], seen: set[str]) -> None:
        """Modules of which no table speaks."""
        for need in needs:
            name = canonicalize_name(need.top)
            source = self._bearer(need.top, self.declared)
            if source:
                if need.required and not self._brings(source, need.top):
                    text = f"imports {need.top}: brought by {source}, by its name"
                    found.notes.append(f"{need.origin}: {text}")
            elif not need.required:
                self._perhaps(found, need, name)
            elif self.submodules:
                where = ", ".join(self.submodules)
                text = f"imports {need.top}: known of no distribution, and may lie in {where}"
                found.notes.append(f"{need.origin}: {text}")
            elif self._brings(name, need.top):
                seen.add(name)
                found.undeclared.append(self._declared(name, f"imports {need.top}", need))
            else:
                text = f"imports {need.top}: which distribution brings it is not known"
                found.notes.append(f"{need.origin}: {text}")

    def _perhaps(self, found: Claims, need: Need, name: str) -> None:
        """An optional import: of what was asked for by name, else looked up as a required one."""
        wanted = self._bearer(need.top, self.wanted)
        if wanted:
            what = f"may import {need.top} (--with)"
            found.undeclared.append(self._declared(wanted, what, need))
        known = wanted or (name if not self.submodules and self._brings(name, need.top) else None)
        found.optional.append(OptionalImport(need.module, need.origin, need.why or "", known))

    def _bearer(self, module: str, names: Iterable[str]) -> str | None:
        """The distribution that is named like the module, unless its wheel brings others alone."""
        near = (name for name in sorted(names) if bears(name, module))
        return next((n for n in near if self._brings(n, module) is not False), None)

    def _brings(self, name: str, module: str) -> bool | None:
        """Whether the newest wheel of a name brings the module; None: none to look into."""
        brought = self.modules_of(name)
        if brought is None:
            return None
        return any(m.partition(".")[0] == module for m in brought)


def names_of(paths: Iterable[str]) -> frozenset[str]:
    """What a tree holds to import once ``sys.path`` is bent: Python files, and folders with any."""
    return frozenset(_parts(path for path in paths if path.endswith(".py")))


def _parts(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        *folders, file = path.split("/")
        yield from folders
        yield file.removesuffix(".py")
