"""What a release brings, and what of it is in the process after ``import torch``.

``torch/__init__.py`` opens ``libtorch_global_deps.so`` and, by way of ``torch._C``,
``libtorch_python.so``; the dynamic linker opens what those need, and so on; some CUDA libraries are
opened by hand (``preloads``). Up to 2.1 an initializer of libtorch_cuda opens
``libnvfuser_codegen.so``. Compared with ``/proc/self/maps`` of installed releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from torchsolve.abi.record import CudaRecord, Facts, Record

_ROOTS = ("libtorch_global_deps.so", "libtorch_python.so", "libnvfuser_codegen.so")


def libraries(torch: Record, cuda: Iterable[CudaRecord]) -> dict[str, Facts]:
    """File name → facts of all libraries that an installation of the release has."""
    found = {name: facts for record in cuda for name, facts in record.libraries.items()}
    return {**found, **torch.libraries}


def sonames(found: Mapping[str, Facts]) -> frozenset[str]:
    """What a ``DT_NEEDED`` can name: file names, and SONAMEs."""
    return frozenset({*found, *(facts.soname for facts in found.values() if facts.soname)})


def mapped(found: Mapping[str, Facts], preloads: Iterable[str]) -> frozenset[str]:
    """File names and SONAMEs in the process after ``import torch``; the system's by ``DT_NEEDED``.

    ``libcuda.so.1`` is named where a library needs it, though only a driver brings it.
    """
    by_soname = {facts.soname: name for name, facts in found.items() if facts.soname}
    opened = [name for pattern in preloads for name in found if fnmatchcase(name, pattern)]
    waiting = [name for name in (*_ROOTS, *opened) if name in found]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            facts = found.get(name) or found.get(by_soname.get(name, ""))
            if facts:
                waiting += [*facts.needed, *([facts.soname] if facts.soname else [])]
    return frozenset(seen)
