"""Which version of libstdc++ is the first to have a name.

An undefined name without a version binds to the versioned definition, so that the version need of
the file says nothing of it. Names of GLIBCXX_3.4.19, CXXABI_1.3.7 (GCC 4.8, the oldest that any
manylinux tag of today allows) and older are left out. Made from the dynamic symbols of libstdc++ of
GCC 16 by ``tests/support/record_libstdcxx.py``.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from functools import lru_cache

from torchsolve.resources import share

FILE = "libstdcxx.xz"


def first_with(name: str) -> str | None:
    """``GLIBCXX_3.4.31``; None for a name that every libstdc++ has, or none."""
    return _names().get(name)


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    text = lzma.decompress((share("data") / "atlas" / FILE).read_bytes()).decode()
    rows = (line.split(" ") for line in text.splitlines())
    return {name: version for version, *names in rows for name in names}
