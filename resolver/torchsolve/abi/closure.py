"""Which files of its wheel a file brings along, and what it needs from outside.

The dynamic linker's search, breadth first: a library that is in the process already (torch's own)
is taken; else RPATH (one's own and one's openers', where there is no RUNPATH) or RUNPATH leads to a
file of the wheel. Siblings are matched by file name: a bundled ``libcudart.41118559.so.12`` keeps
the SONAME of what it was copied from, which nobody asks it by.
Source: ld.so(8), and ``dlopen`` of 110 files against 13 releases.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping

from torchsolve.model.binary import ElfFile, WheelBinary
from torchsolve.model.values import dataclass

_DATA = re.compile(r"[^/]+\.data/(?:purelib|platlib)/")
_ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})")


@dataclass(frozen=True, slots=True)
class Need:
    """A library wanted from outside the wheel.

    Attributes:
        member: the file that names it.
        paths: where that file looks, relative to the root of the environment's packages.
    """

    soname: str
    member: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Closure:
    """What opening one file brings in.

    Attributes:
        files: the file itself first, then its siblings.
        outside: the first need of each library that is not the wheel's.
        stranded: needs that a file of the wheel would serve, were it opened before; those
            siblings are in ``files`` too.
    """

    files: tuple[ElfFile, ...]
    outside: tuple[Need, ...]
    stranded: tuple[Need, ...]


class Siblings:
    """The files of a wheel by where they are installed, and by name.

    ``beside``: files of the same environment, which RPATH may lead to.
    """

    def __init__(self, binary: WheelBinary, beside: Mapping[str, ElfFile] | None = None) -> None:
        own = installed((binary,))
        self.by_path = {**beside, **own} if beside else own
        self.by_name = {posixpath.basename(path): one for path, one in own.items()}
        self.needs = frozenset(soname for one in binary.files for soname in one.needed)

    def opens(self, file: ElfFile) -> bool:
        """Whether another file of the wheel names it, so that it is never opened alone."""
        return posixpath.basename(file.member) in self.needs


def installed(wheels: Iterable[WheelBinary]) -> dict[str, ElfFile]:
    """Files of wheels by their path in the environment."""
    return {_installed(one.member): one for wheel in wheels for one in wheel.files}


def closure(siblings: Siblings, file: ElfFile, is_mapped: Callable[[str], bool]) -> Closure:
    """Walks the needs of ``file``; ``is_mapped`` tells what ``import torch`` has opened."""
    files = {file.member: file}
    queue: list[tuple[ElfFile, tuple[str, ...]]] = [(file, ())]
    outside: dict[str, Need] = {}
    stranded: dict[str, Need] = {}
    while queue:
        one, inherited = queue.pop(0)
        paths = _paths(one, inherited)
        for soname in one.needed:
            need = Need(soname, one.member, paths)
            found = None if is_mapped(soname) else _found(soname, paths, siblings.by_path)
            if found is None and not is_mapped(soname) and soname in siblings.by_name:
                found = siblings.by_name[soname]
                stranded.setdefault(soname, need)
            if found is None:
                outside.setdefault(soname, need)
            elif found.member not in files:
                files[found.member] = found
                queue.append((found, () if one.runpath else paths))
    return Closure(tuple(files.values()), tuple(outside.values()), tuple(stranded.values()))


def _installed(member: str) -> str:
    return _DATA.sub("", member, count=1)


def _paths(file: ElfFile, inherited: tuple[str, ...]) -> tuple[str, ...]:
    folder = posixpath.dirname(_installed(file.member))
    if file.runpath:
        return tuple(_expanded(path, folder) for path in file.runpath)
    return (*(_expanded(path, folder) for path in file.rpath), *inherited)


def _expanded(path: str, folder: str) -> str:
    return posixpath.normpath(_ORIGIN.sub(lambda _: folder or ".", path))


def _found(soname: str, paths: tuple[str, ...], by_path: dict[str, ElfFile]) -> ElfFile | None:
    for path in paths:
        found = by_path.get(posixpath.normpath(posixpath.join(path, soname)))
        if found:
            return found
    return None
