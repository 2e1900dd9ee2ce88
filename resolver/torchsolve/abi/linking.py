"""What the dynamic linker asks about libraries: are they there, does it look in them.

Source: ld.so(8), dlopen(3), and outcomes of ``dlopen`` (tests/bench/truth.py).
"""

from __future__ import annotations

import re

from torchsolve.abi.case import Case
from torchsolve.abi.closure import Need
from torchsolve.abi.demangle import demangle
from torchsolve.abi.host import is_driver, is_system
from torchsolve.abi.symbols import is_torch_library
from torchsolve.abi.view import NO_TORCH, AtlasView
from torchsolve.facts.load import load_facts
from torchsolve.model.binary import Cause, Judgement


def libraries(case: Case) -> Judgement | None:
    """Libraries of torch and of CUDA that this release neither is nor brings.

    Without torch CUDA's may well be the system's, as in NVIDIA's images.
    """
    for need in case.opened.outside:
        if case.brought(need.soname) or not _of_torch_or_cuda(need.soname, case.stems):
            continue
        if need.soname in (case.host.sonames or ()) and not is_torch_library(need.soname):
            continue
        if case.version == NO_TORCH:
            reason = f"no wheel that is installed brings {need.soname}; the system may have it"
            return Judgement("unknown", reason=reason, member=case.file.member)
        other = sorted(s for s in case.release.sonames if _stem(s) == _stem(need.soname))
        reason = f"{need.soname} is missing: torch {case.version} brings "
        reason += other[0] if other else "no such library"
        return case.refuted(Cause.LIBRARY, [need.soname], reason)
    return None


def _of_torch_or_cuda(soname: str, stems: frozenset[str]) -> bool:
    if is_torch_library(soname):
        return True
    # libgomp, libgfortran: a torch wheel bundles one, and the distributions have them.
    packaged = is_system(soname) or soname in load_facts().sonames
    return not packaged and _stem(soname) in stems


def stems_of(atlas: AtlasView) -> frozenset[str]:
    """Names without versions of all that any torch and its CUDA wheels bring."""
    releases = [atlas.release(version) for version in atlas.releases]
    return frozenset(_stem(name) for release in releases if release for name in release.sonames)


def _stem(soname: str) -> str:
    return soname.partition(".so")[0]


def host_libraries(case: Case) -> Judgement | None:
    """Libraries of the host, and those that are somewhere but not where the loader looks."""
    for need in case.opened.outside:
        if missing := _missing_on(case, need):
            return case.refuted(Cause.LIBRARY, [need.soname], missing)
    if case.opened.stranded and not case.host.opens_own:
        need = case.opened.stranded[0]
        reason = f"{need.soname} lies in the wheel, but no RUNPATH of {need.member} leads there"
        return case.refuted(Cause.LIBRARY, [need.soname], reason)
    return None


def _missing_on(case: Case, need: Need) -> str:
    soname, host = need.soname, case.host
    if soname in case.release.mapped or is_system(soname):
        return ""
    if is_driver(soname):
        return "" if host.driver else f"{soname} is missing: the host has no NVIDIA driver"
    if soname in case.release.sonames:
        return "" if host.opens_own or _leads_to_cuda(need) else _unopened(soname, case)
    if host.sonames is None or soname in host.sonames:
        return ""
    return f"{soname} is missing: no wheel brings it, and the host has none"


def _leads_to_cuda(need: Need) -> bool:
    return any("nvidia/" in path for path in need.paths)


def _unopened(soname: str, case: Case) -> str:
    if case.version == NO_TORCH:
        return f"{soname} is installed, but nothing opens it"
    return f"{soname} is installed with torch {case.version}, but import torch does not open it"


def by_hand(case: Case) -> Judgement | None:
    """All is there, but a CUDA library must be opened by the wheel's own Python code first."""
    for need in case.opened.outside:
        installed = need.soname in case.release.sonames and need.soname not in case.release.mapped
        if installed and not _leads_to_cuda(need) and need.soname not in (case.host.sonames or ()):
            why = f"{_unopened(need.soname, case)}: the wheel's own code has to"
            return Judgement("links", reason=why, member=case.file.member)
    return None


def out_of_reach(case: Case) -> Judgement | None:
    """Symbols of a torch library that neither the file nor what it opens names.

    ``import torch`` opens its libraries for itself (RTLD_LOCAL): a symbol is looked up in those
    that DT_NEEDED leads to.
    """
    if case.inside:
        return None
    sonames = {need.soname for need in case.opened.outside}
    if not any(map(is_torch_library, sonames)) or not all(_known(one, case) for one in sonames):
        return None
    unreached = [lib for lib, by in _REACHED_BY.items() if not sonames & by]
    for name in case.want.torch if unreached else ():
        library = case.atlas.library_of(name, case.version)
        # Of a name that several have the atlas tells one: only Python's are sure to be here alone.
        sure = library != "libtorch_python.so" or _PYTHONS.search(name)
        if library in unreached and sure:
            reason = f"it names no library that brings {library}, which has {demangle(name)}"
            return case.refuted(Cause.SYMBOL, [name], reason)
    return None


def _known(soname: str, case: Case) -> bool:
    """Whether it is known not to bring libraries of torch."""
    return (
        is_system(soname)
        or is_torch_library(soname)
        or is_driver(soname)
        or case.brought(soname)
        or soname.startswith(("libgomp", "libiomp", "libomp"))
    )


_PYTHONS = re.compile(r"8pybind11|7_object|THP[A-Z]")
_ALL_OF_TORCH = frozenset(
    {"libtorch.so", "libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_python.so"}
)
# Library → those whose DT_NEEDED lead to it, itself included: readelf of torch 2.1.2 to 2.15.0.
_REACHED_BY = {
    "libtorch_python.so": frozenset({"libtorch_python.so"}),
    "libtorch_cuda.so": _ALL_OF_TORCH,
    "libtorch_cpu.so": _ALL_OF_TORCH | {"libtorch_cpu.so"},
}
