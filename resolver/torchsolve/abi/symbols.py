"""Which of a file's undefined symbols are torch's business, by the rules of the dynamic linker.

Wanted: strong, unversioned, used by a relocation and defined by no file that is opened with it.
Not torch's: what the system's libstdc++ exports without asking (builds of torch on old systems
export copies), Python's, OpenMP's, and what belongs to a library that has no versions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from torchsolve.abi.host import is_system
from torchsolve.abi.system_names import exported
from torchsolve.model.binary import Binding, ElfFile, Undefined
from torchsolve.model.values import dataclass
from torchsolve.model.version import dotted_key

_NAMESPACES = r"(?:3c10|2at|5torch|6caffe2|4c10d)"
_TORCH = re.compile(rf"_Z(?:T[VISTCHW]|G[VR])?N?[VK]*[RO]?{_NAMESPACES}|_?aoti_torch_|THP[A-Z]")
_CXX_RUNTIME = re.compile(
    r"_Z(?:T[VISTC]|G[VR])?N?[VK]*[RO]?S[tabsiod]|_Z(?:nw|na|dl|da)|__cxa_|__gxx_"
)
_OPENMP = re.compile(r"(?:GOMP|omp|kmpc|__kmpc)_\w+")
_PYTHON = re.compile(r"_?Py[A-Z_]\w*")
# std::string, std::list and std::ios_base::failure are what the two C++ ABIs of GCC spell apart.
_ABI_FLAVOUR = re.compile(r"__cxx11|B5cxx11|Ss|Sb|NSt4listI")
# glibc 2.34 took these in from librt, libpthread and libdl: whoever was not linked with those wants
# them without a version. Source: its release notes.
_MERGED = re.compile(
    r"(?:shm|mq|aio|lio|timer|clock|pthread|sem)_\w+|dl(?:open|sym|vsym|close|error|addr|info)"
)
_MERGED_IN = (2, 34)
_CUDA_NODE = re.compile(r"lib\w+\.so\.\d+")


def looks_like_torch(name: str) -> bool:
    """Whether a symbol is in torch's namespaces, by its mangled name alone."""
    return bool(_TORCH.match(name))


def is_of_libc(name: str, glibc: str | None) -> bool:
    """Whether a name without a version is glibc's own (None: a current one's): libc, libm.

    Python maps both, so that a file that was linked with neither finds ``fmod`` all the same.
    """
    merged = glibc is None or dotted_key(glibc) >= _MERGED_IN
    return exported(name, ()) and (merged or not _MERGED.fullmatch(name))


def depends_on_cxx11_abi(name: str) -> bool:
    """Whether the name would be another under GCC's other ``std::string``."""
    return bool(_ABI_FLAVOUR.search(name))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file and its siblings want from elsewhere.

    Attributes:
        torch: names that torch must export, sorted.
        hints: weak ones of torch's: never missed, but they show what the file uses.
        versioned: ``(name, soname)`` wanted of one library, which its version node names.
        foreign: names of nobody that is known, each with the member that wants it.
        python: names of Python's C API.
        runtime: names of libstdc++ without a version: a linker writes one where a library other
            than libstdc++ (torch's, linked with a newer GCC's additions) had the name.
    """

    torch: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    versioned: tuple[tuple[str, str], ...] = ()
    foreign: tuple[tuple[str, str], ...] = ()
    python: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()


def wanted(files: Iterable[ElfFile], known: Callable[[str], bool]) -> Wanted:
    """Sorts the undefined symbols of files that are opened together.

    Args:
        known: whether some torch release exports the name.
    """
    files = tuple(files)
    own = {name for file in files for name in file.defined}
    torch: set[str] = set()
    hints: set[str] = set()
    versioned: set[tuple[str, str]] = set()
    foreign: dict[str, str] = {}
    python: set[str] = set()
    runtime: set[str] = set()
    for file in files:
        for symbol in file.undefined:
            name = symbol.name
            if not symbol.relocated or name in own:
                continue
            if _is_runtime(symbol):
                if not symbol.version and symbol.binding is not Binding.WEAK:
                    runtime.add(name)
                continue
            if symbol.version:
                if _CUDA_NODE.fullmatch(symbol.version):
                    versioned.add((name, symbol.version))
            elif looks_like_torch(name) or known(name):
                (hints if symbol.binding is Binding.WEAK else torch).add(name)
            elif _PYTHON.fullmatch(name):
                python.add(name)
            elif symbol.binding is not Binding.WEAK:
                foreign.setdefault(name, file.member)
    return Wanted(
        tuple(sorted(torch)),
        tuple(sorted(hints)),
        tuple(sorted(versioned)),
        tuple(sorted(foreign.items())),
        tuple(sorted(python)),
        tuple(sorted(runtime)),
    )


def _is_runtime(symbol: Undefined) -> bool:
    return bool(_CXX_RUNTIME.match(symbol.name) or _OPENMP.fullmatch(symbol.name))


def is_torch_library(soname: str) -> bool:
    """A library that only a torch wheel brings."""
    return bool(re.match(r"lib(torch|c10|caffe2|shm)(_\w+)?\.so$", soname))


def opens_nothing_unknown(sonames: Iterable[str]) -> bool:
    """Whether all these libraries are torch's or the system's, whose exports are known."""
    return all(is_system(name) or is_torch_library(name) for name in sonames)
