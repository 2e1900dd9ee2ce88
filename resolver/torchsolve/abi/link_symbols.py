"""Symbols that nothing in the process will have: what ``ldd -r`` says of a file.

Judged are wheels that do not use torch (``judge`` has the others). A symbol counts where it is
strong, unversioned or versioned by a library of the wheel, and used by a relocation. It is missing
only where all that is opened with the file is known: a system package, another wheel or the driver
that might have it leaves it open, and nothing is said.
Source: ld.so(8), and ``ldd -r`` of the wheels named in tests/bench/undefined.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchsolve.abi.closure import Closure
from torchsolve.abi.host import is_driver, is_system
from torchsolve.abi.symbols import looks_like_torch
from torchsolve.abi.system_names import exported, has_names_of
from torchsolve.model.binary import Binding, Undefined, WheelBinary
from torchsolve.model.values import dataclass

_PYTHON = re.compile(r"_?Py[A-Z_]\w*")
_DRIVER = re.compile(r"(cu|nv|Nv|NV)[A-Z]?\w+")
_SYSTEM_NODE = re.compile(r"(GLIBC|GLIBCXX|CXXABI|GCC|GOMP|OMP|VERSION|OACC|LIBC)_.*")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """``elsewhere``: a file of the wheel that is not opened with this one has it."""

    symbol: str
    member: str
    elsewhere: bool


def unresolved(wheel: WheelBinary, opened: Closure) -> Iterator[Unresolved]:
    """Symbols of the files of ``opened`` that nobody in the process has, each once."""
    if not _is_known(wheel, opened):
        return
    sonames = [need.soname for need in opened.outside]
    has_driver = any(map(is_driver, sonames))
    here = {name for file in opened.files for name in file.defined}
    seen: set[str] = set()
    for file in opened.files:
        for symbol in file.undefined:
            name = symbol.name
            if name in here or name in seen or not _counts(symbol):
                continue
            if exported(name, sonames) or (has_driver and _DRIVER.fullmatch(name)):
                continue
            seen.add(name)
            yield Unresolved(name, file.member, any(name in f.defined for f in wheel.files))


def _is_known(wheel: WheelBinary, opened: Closure) -> bool:
    """Whether all that is opened is this wheel's, the system's or the driver's."""
    own = {file.member for file in wheel.files}
    return all(file.member in own and not file.unread for file in opened.files) and all(
        is_system(soname) or is_driver(soname) or has_names_of(soname)
        for soname in (need.soname for need in opened.outside)
    )


def _counts(symbol: Undefined) -> bool:
    if symbol.binding is Binding.WEAK or not symbol.relocated:
        return False
    if symbol.version and _SYSTEM_NODE.fullmatch(symbol.version):
        return False
    return not (_PYTHON.fullmatch(symbol.name) or looks_like_torch(symbol.name))
