"""What libraries of every Linux system export, by library: C, C++ and zlib.

Read where a wheel wants a name without saying from which library. A name that only a later glibc
has is not in it, so that it must not be held against a file that asks for a glibc at least as new
as the one that was read. Made by ``tests/support/record_system_names.py`` from glibc 2.36 and
GCC 12; newer names of libstdc++ are those of ``libstdcxx``.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Mapping
from functools import lru_cache

from torchsolve.abi import libstdcxx
from torchsolve.resources import share

FILE = "system.xz"
# In the process before any extension module is: libpthread, libdl, librt and libutil, of which
# glibc 2.34 left shells, have their names in libc.
_ALWAYS = ("libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2")
_CXX = ("libstdc++.so.6", "libgcc_s.so.1")


def exported(name: str, sonames: Iterable[str]) -> bool:
    """Whether an interpreter's process has the name, once these system libraries are opened."""
    names = _names()
    asked = set(sonames)
    if "libstdc++.so.6" in asked:
        asked.update(_CXX)
        if libstdcxx.first_with(name):
            return True
    return any(name in names.get(soname, ()) for soname in (*_ALWAYS, *asked))


def has_names_of(soname: str) -> bool:
    """Whether what the library exports is known."""
    return soname in _names()


@lru_cache(maxsize=1)
def _names() -> Mapping[str, frozenset[str]]:
    text = lzma.decompress((share("data") / "atlas" / FILE).read_bytes()).decode()
    rows = (line.split(" ") for line in text.splitlines())
    return {soname: frozenset(names) for soname, *names in rows}
