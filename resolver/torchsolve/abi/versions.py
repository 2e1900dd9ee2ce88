"""Symbol versions of the system's libraries, against those of a host."""

from __future__ import annotations

import re

from torchsolve.abi.host import Host
from torchsolve.facts.load import load_facts
from torchsolve.model.version import dotted_key

_VERSION = re.compile(r"(GLIBC|GLIBCXX|CXXABI|GCC)_(\d+(?:\.\d+)*)")


def lacks(host: Host, version: str) -> bool:
    """Whether a host for certain does not provide ``GLIBCXX_3.4.32``, ``GLIBC_2.38``, …

    Versions without a number (``GLIBC_PRIVATE``, ``CXXABI_FLOAT128``) are not judged.
    """
    match = _VERSION.fullmatch(version)
    newest = _newest(host, match[1]) if match else None
    return bool(match and newest and dotted_key(match[2]) > dotted_key(newest))


def _newest(host: Host, family: str) -> str | None:
    if family == "GLIBC":
        return host.glibc
    if family == "GLIBCXX" or host.libstdcxx is None:
        return host.libstdcxx
    rows = [r for r in load_facts().libstdcxx if _at_most(r.glibcxx, host.libstdcxx)]
    if not rows:
        return None
    return rows[-1].cxxabi if family == "CXXABI" else f"{rows[-1].gcc.partition('.')[0]}.0.0"


def _at_most(text: str, limit: str) -> bool:
    return dotted_key(text) <= dotted_key(limit)
