"""The link check of a whole plan: what every compiled file of every wheel will find in the image.

In: the wheels of a plan as their binaries say, what torch brings, the image's C and C++ libraries.
Out: ``Links``. A library is looked for as ld.so does: mapped by ``import torch``, glibc's and
GCC's, the driver's, along RPATH and RUNPATH through the environment that all wheels share; what is
then left is the operating system's, or nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from itertools import islice

from torchsolve.abi.closure import Closure, Need, Siblings, closure, installed
from torchsolve.abi.host import Host, is_driver, is_other_makers, is_system
from torchsolve.abi.link_copies import copies, majors, overlaps
from torchsolve.abi.link_symbols import unresolved
from torchsolve.abi.versions import lacks
from torchsolve.abi.view import ReleaseView
from torchsolve.model.binary import ElfFile, WheelBinary, kin
from torchsolve.model.link import LinkIssue, LinkKind, Links, SystemNeed
from torchsolve.model.values import dataclass, field

_EXTENSION = re.compile(r"\.(cpython-[^/]+|abi3|cp\d+t?[^/]*)\.so$")
# Where the loader or the operating system keeps libraries; the rest is somebody's own folder.
_SYSTEM_PATH = re.compile(
    r"/(usr/(local/)?)?lib(32|64|x32)?(/|$)|/usr/local/(cuda|nvidia)|/opt/cuda"
)
_TORCH_LIBRARIES = ("libtorch", "libc10")
_SHOWN = 4
_MOST_SYMBOLS = 64


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the wheels of a plan find beside each other.

    Attributes:
        release: of the plan's torch, None where there is none or the atlas lacks it.
        has_torch: the plan holds torch, whether or not the atlas knows it.
        brought: pin → file names and SONAMEs of wheels whose files were not read (CUDA's own).
        present: libraries that the image has by itself, as far as that is known.
        packaged: sonames for which the image's operating system has a package; with
            ``host.sonames`` None these count as found, since the Dockerfile installs them.
    """

    host: Host
    release: ReleaseView | None = None
    has_torch: bool = False
    brought: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    packaged: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Missing:
    """A library that a file, or one that it brings along, does not find."""

    soname: str
    member: str
    hidden_in: str = ""


class Linker:
    """The wheels of a plan, installed beside each other in thought."""

    def __init__(self, wheels: Mapping[str, WheelBinary], around: Surroundings) -> None:
        self.wheels, self.around = dict(sorted(wheels.items())), around
        everything = installed(self.wheels.values())
        self._siblings = {n: Siblings(w, everything) for n, w in self.wheels.items()}
        self._opened: dict[tuple[str, str, bool], Closure] = {}
        self._coupled = {n for n, w in self.wheels.items() if _uses_torch(w)}
        self._owner = {
            soname: name
            for name, wheel in reversed(self.wheels.items())
            for file in wheel.files
            for soname in _names(file)
        }
        self._owner |= {s: name for name, sonames in around.brought.items() for s in sonames}

    def opened(self, name: str, file: ElfFile, *, bare: bool = False) -> Closure:
        """What opening a file of a wheel brings in, of the environment's own files.

        ``bare``: as ``ldd`` sees it; else a wheel that uses torch comes after ``import torch``, and
        one whose libraries lie out of the loader's sight opens them itself.
        """
        after_torch = not bare and name in self._coupled
        key = (name, file.member, bare)
        if key not in self._opened:
            siblings = self._siblings[name]
            if bare:
                siblings = copy(siblings)
                siblings.by_name = {}
            is_mapped = self._is_mapped if after_torch else _nothing_is_mapped
            self._opened[key] = closure(siblings, file, is_mapped)
        return self._opened[key]

    def missing(self, name: str, file: ElfFile, *, bare: bool = False) -> list[Missing]:
        """Sonames that ld.so will not find when it opens the file, in the order of the walk."""
        opened = self.opened(name, file, bare=bare)
        after_torch = not bare and name in self._coupled
        absent = [
            Missing(need.soname, need.member, self._hidden_in(name, need))
            for need in opened.outside
            if not (after_torch and self._is_mapped(need.soname)) and not self._is_found(need)
        ]
        return absent + [Missing(need.soname, need.member, name) for need in opened.stranded]

    def unresolved(self, name: str, file: ElfFile) -> list[tuple[str, str, bool]]:
        """``(symbol, member, alone)`` that nothing opened with the file has: ``link_symbols``.

        Not ``alone``: another file of the wheel has it. Files that use torch are judged elsewhere.
        """
        if name in self._coupled:
            return []
        found = islice(unresolved(self.wheels[name], self.opened(name, file)), _MOST_SYMBOLS)
        return [(one.symbol, one.member, not one.elsewhere) for one in found]

    def system(self, name: str, file: ElfFile) -> list[str]:
        """Libraries that the file itself takes from the operating system's packages."""
        mapped = self._is_mapped if name in self._coupled else _nothing_is_mapped
        return [
            need.soname
            for need in self.opened(name, file).outside
            if need.member == file.member
            and need.soname in self.around.packaged - self.around.present
            and not (is_system(need.soname) or mapped(need.soname) or self._by_path(need))
        ]

    def _is_mapped(self, soname: str) -> bool:
        release = self.around.release
        return release is not None and soname in release.mapped

    def _is_found(self, need: Need) -> bool:
        soname, around = need.soname, self.around
        if is_system(soname) or soname in around.present:
            return True
        if is_driver(soname):
            return around.host.driver
        if self._by_path(need):
            return True
        if around.host.sonames is not None:
            return soname in around.host.sonames
        return soname in around.packaged

    def _by_path(self, need: Need) -> bool:
        """Whether RPATH leads into the folder of a wheel whose files were not read."""
        if not any(re.search(r"(^|/)(nvidia|torch/lib)(/|$)", path) for path in need.paths):
            return False
        return self._is_brought(need.soname)

    def _is_brought(self, soname: str) -> bool:
        release = self.around.release
        if release is not None and soname in release.sonames:
            return True
        return any(soname in sonames for sonames in self.around.brought.values())

    def _hidden_in(self, name: str, need: Need) -> str:
        if self._is_brought(need.soname):
            return self._owner.get(need.soname, "torch")
        owner = self._owner.get(need.soname, "")
        return owner if owner != name else ""


def _nothing_is_mapped(_: str) -> bool:
    return False


def _names(file: ElfFile) -> tuple[str, ...]:
    base = file.member.rpartition("/")[2]
    return (base, file.soname) if file.soname and file.soname != base else (base,)


def check_links(
    wheels: Mapping[str, WheelBinary], around: Surroundings, unread: Iterable[tuple[str, str]] = ()
) -> Links:
    """The findings of a whole plan."""
    linker = Linker(wheels, around)
    book = _Book()
    live = {name: tuple(_served(linker, name)) for name in linker.wheels}
    for name, wheel in linker.wheels.items():
        reached = _reached(linker, name)
        for file in live[name]:
            _look(linker, name, file, file.member in reached, book)
        for file in wheel.files:
            for path in _foreign_paths(file):
                book.add(LinkKind.PATH, path, name, file.member, reached=False)
    release = around.release
    mapped = release.mapped if release is not None else ()
    return Links(
        wheels=tuple(linker.wheels),
        files=sum(len(wheel.files) for wheel in linker.wheels.values()),
        unread=tuple(sorted(unread)),
        issues=(
            *book.issues(around),
            *majors(live, mapped),
            *copies(linker.wheels),
            *overlaps(linker.wheels),
        ),
        system=book.system(),
    )


def _served(linker: Linker, name: str) -> Iterator[ElfFile]:
    """The files of a wheel that count: of files whose names differ in digits alone (one for each
    CUDA, one for each FFmpeg) Python code takes one that opens, if there is any."""
    files = [file for file in linker.wheels[name].files if not file.unread]
    levels = {file.member: _lacks(linker, name, file) for file in files}
    best: dict[str, int] = {}
    for file in files:
        row, level = kin(file.member), levels[file.member]
        best[row] = min(level, best.get(row, level))
    for file in files:
        if best[kin(file.member)] in (levels[file.member], _NOWHERE):
            yield file


_NOWHERE = 2


def _lacks(linker: Linker, name: str, file: ElfFile) -> int:
    """0: finds all, in its own wheel at least; 1: what another wheel hides; 2: what nobody has."""
    lacks = [lack for lack in linker.missing(name, file) if lack.hidden_in != name]
    return 0 if not lacks else 1 if all(lack.hidden_in for lack in lacks) else _NOWHERE


def _reached(linker: Linker, name: str) -> frozenset[str]:
    """Members that an extension module of the wheel is, or brings along."""
    modules = [file for file in linker.wheels[name].files if _is_module(file)]
    return frozenset(f.member for m in modules for f in linker.opened(name, m).files)


def _look(linker: Linker, name: str, file: ElfFile, reached: bool, book: _Book) -> None:
    around = linker.around
    if any(map(is_other_makers, file.needed)):
        # A back end that Python code passes over on NVIDIA's GPUs.
        reached = False
    for lack in linker.missing(name, file):
        if lack.hidden_in:
            # A library that others open finds what these have opened before it.
            if _is_module(file) or not (reached or lack.hidden_in == name):
                book.add(LinkKind.HIDDEN, lack.soname, name, lack.member, lack.hidden_in, reached)
        elif lack.member == file.member and not _may_be_torchs(lack.soname, around):
            book.add(LinkKind.LIBRARY, lack.soname, name, file.member, reached=reached)
    for symbol, member, alone in linker.unresolved(name, file):
        told = reached and alone and _is_module(file)
        book.add(LinkKind.SYMBOL, symbol, name, member, reached=told)
    if around.host.sonames is None:
        for soname in linker.system(name, file):
            book.need(soname, name, reached)
    for version in file.versions:
        if is_system(version.library) and lacks(around.host, version.version):
            book.add(LinkKind.VERSION, version.version, name, file.member, version.library, reached)


def _may_be_torchs(soname: str, around: Surroundings) -> bool:
    """A library of a torch that nobody has read."""
    unread = around.has_torch and around.release is None
    return unread and soname.startswith(_TORCH_LIBRARIES)


def _uses_torch(wheel: WheelBinary) -> bool:
    return any(s.startswith(_TORCH_LIBRARIES) for file in wheel.files for s in file.needed)


def _is_module(file: ElfFile) -> bool:
    return bool(file.python or _EXTENSION.search(file.member))


def _foreign_paths(file: ElfFile) -> Iterator[str]:
    """Absolute search paths that are no system's: they name the machine that built the wheel."""
    for path in (*file.rpath, *file.runpath):
        if path.startswith("/") and not _SYSTEM_PATH.match(path):
            yield path


@dataclass(slots=True)
class _Book:
    """Findings by what they are about; wheels and members add up."""

    rows: dict[tuple[LinkKind, str, str, bool], list[tuple[str, str, bool]]] = field(
        default_factory=dict
    )
    needs: dict[str, dict[str, bool]] = field(default_factory=dict)

    def add(
        self,
        kind: LinkKind,
        subject: str,
        wheel: str,
        member: str,
        by: str = "",
        reached: bool = True,
    ) -> None:
        # A version refutes an image where it is reached: those rows stand alone.
        apart = kind is LinkKind.VERSION and not reached
        self.rows.setdefault((kind, subject, by, apart), []).append((wheel, member, reached))

    def need(self, soname: str, wheel: str, reached: bool) -> None:
        wheels = self.needs.setdefault(soname, {})
        wheels[wheel] = wheels.get(wheel, False) or reached

    def system(self) -> tuple[SystemNeed, ...]:
        return tuple(
            SystemNeed(soname, tuple(sorted(wheels)), any(wheels.values()))
            for soname, wheels in sorted(self.needs.items())
        )

    def issues(self, around: Surroundings) -> Iterator[LinkIssue]:
        for (kind, subject, by, _), rows in sorted(
            self.rows.items(), key=lambda item: (item[0][0].value, item[0][1:])
        ):
            members = sorted({member for _, member, _ in rows})
            yield LinkIssue(
                kind,
                subject,
                tuple(sorted({wheel for wheel, _, _ in rows})),
                tuple(members[:_SHOWN]),
                _detail(kind, subject, by, around),
                any(reached for *_, reached in rows),
                by if kind is LinkKind.HIDDEN else "",
            )


def _detail(kind: LinkKind, subject: str, by: str, around: Surroundings) -> str:
    if kind is LinkKind.VERSION:
        host = around.host
        which = f"libstdc++ {host.libstdcxx}" if "stdc++" in by else f"glibc {host.glibc}"
        return f"the image has {which} only"
    if kind is LinkKind.HIDDEN:
        release = around.release
        opens = release is not None and subject in release.mapped
        first = (
            "import torch, which opens it, must come first" if opens else "it must be opened first"
        )
        return f"another wheel brings it and no RUNPATH leads there: {first}"
    if kind is LinkKind.SYMBOL:
        return "nothing that is opened with it has this symbol"
    if kind is LinkKind.PATH:
        return "a search path of the machine that built the wheel"
    return "no wheel brings it, and no package of the image's system is known to"
