"""Layouts that differ between the torch a file was built with and the one that it meets.

Which differences matter to which file is data (``matrices/layouts.toml``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.version import Version

from torchsolve.abi.demangle import demangle
from torchsolve.abi.symbols import Wanted, looks_like_torch
from torchsolve.abi.view import AtlasView, ReleaseView
from torchsolve.facts.abi import LayoutRule, LayoutTable, LayoutUse
from torchsolve.model.binary import ElfFile
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """A layout that the file bakes in and that is another in the release.

    Attributes:
        field: ``CppFunction``, ``DK_CUDA``, ``_ZTVN3c1010TensorImplE``.
        built, met: the values, in bytes or as numbers; built is sorted where several are possible.
    """

    field: str
    built: tuple[int, ...]
    met: int
    rule: LayoutRule
    what: str

    def __str__(self) -> str:
        built = " or ".join(map(str, self.built))
        return f"{self.field} {built} → {self.met}"

    @property
    def shown(self) -> str:
        """The same for people."""
        return str(self).replace(self.field, demangle(self.field), 1)


def uses(files: Iterable[ElfFile], want: Wanted, table: LayoutTable) -> frozenset[str]:
    """The ids of the uses that files opened together show."""
    names = {*want.torch, *want.hints}
    headers = {header for file in files for header, _ in file.checks}
    return frozenset(use.id for use in table.uses.values() if _shown(use, names, headers))


def _shown(use: LayoutUse, names: set[str], headers: set[str]) -> bool:
    signs: list[bool] = []
    if use.symbols:
        signs.append(any(use.symbols.match(name) for name in names))
    if use.headers:
        signs.append(bool(use.headers & headers))
    return all(signs) if use.every else any(signs)


def differences(
    used: frozenset[str],
    built: Iterable[Version],
    met: ReleaseView,
    atlas: AtlasView,
    table: LayoutTable,
) -> tuple[Difference, ...]:
    """What differs for certain: where one of the releases it may be built with agrees, none does.

    Args:
        built: the releases that the files may have been compiled against; none: nothing is known.
    """
    candidates = [release for version in built if (release := atlas.release(version))]
    found: list[Difference] = []
    for rule in table.rules:
        if rule.use not in used:
            continue
        for field in rule.fields:
            values = {_values(rule, one).get(field) for one in candidates}
            value = _values(rule, met).get(field)
            if not values or value is None or None in values or value in values:
                continue
            known = tuple(sorted(number for number in values if number is not None))
            found.append(Difference(field, known, value, rule, table.uses[rule.use].what))
    return tuple(found)


def unchanging(
    files: Iterable[ElfFile],
    want: Wanted,
    built: Iterable[Version],
    atlas: AtlasView,
    table: LayoutTable,
) -> bool:
    """Whether a compile against any of these releases gives these files.

    So it is where they want nothing of torch but functions of known surfaces, whose layouts are the
    same in all, and no inlined header has left anything else behind.

    Args:
        built: the releases that the files may have been compiled against.
    """
    left = {*want.torch, *want.hints}
    fields: set[str] = set()
    for surface in table.surfaces:
        if left.intersection(surface.symbols):
            left.difference_update(surface.symbols)
            fields.update(surface.fields)
    if left or any(map(_inlines, files)):
        return False
    layouts = [release.layout for version in built if (release := atlas.release(version))]
    values = [{layout.get(field) for layout in layouts} for field in sorted(fields)]
    return all(len(seen) == 1 and None not in seen for seen in values)


def _inlines(file: ElfFile) -> bool:
    return bool(file.checks) or any(looks_like_torch(name) for name, _ in file.weak_objects)


def _values(rule: LayoutRule, release: ReleaseView) -> Mapping[str, int]:
    return release.vtables if rule.kind == "vtable" else release.layout
