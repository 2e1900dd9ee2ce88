"""PyTorch's stable ABI: which files keep to it, and from which release on they load.

A file keeps to it when each torch symbol that it wants is a C shim (``aoti_torch_*``, ``torch_*``
that some release exports) and no name speaks of ``at::``, ``c10::`` or ``torch::`` but the
namespaces ``torch::stable`` and ``torch::headeronly``, arguments and template parameters included.
Two floors: by promise (upstream's manifest of shims, ``matrices/stable_abi.toml``) and by fact (the
first release of the atlas that exports all of them). There is no ceiling by promise.
"""

from __future__ import annotations

import re

from packaging.version import Version

from torchsolve.abi.symbols import Wanted
from torchsolve.abi.view import AtlasView
from torchsolve.facts.load import load_facts
from torchsolve.model.values import dataclass

_SHIM = re.compile(r"_?(?:aoti_torch_|torch_)\w+")
_ALLOWED = re.compile(r"5torch(?:6stable|10headeronly)")
_UNSTABLE = re.compile(r"(?<!\d)(?:3c10|2at|5torch|6caffe2|4c10d)|^THP[A-Z]")


@dataclass(frozen=True, slots=True)
class Stable:
    """How one file stands to the stable ABI.

    Attributes:
        stable: it uses torch, and nothing but the stable ABI of it.
        shims: the C shims that it wants.
        unstable: the names that keep it from being stable.
        promise: the first release that upstream promises it for; None where nobody promises all.
        promised_by: the shim that sets the promise or that nobody promises; empty where the floor
            of all does.
        fact: the first release known to export all that it wants; None where none does.
    """

    stable: bool
    shims: tuple[str, ...]
    unstable: tuple[str, ...]
    promise: Version | None = None
    promised_by: str = ""
    fact: Version | None = None


def is_stable_name(name: str) -> bool:
    """Whether a torch symbol belongs to the stable ABI, by its mangled name."""
    return bool(_SHIM.fullmatch(name)) or not _UNSTABLE.search(_ALLOWED.sub("", name))


def stable(want: Wanted, atlas: AtlasView) -> Stable:
    """Judges what a file and its siblings want of torch."""
    shims = tuple(name for name in want.torch if _SHIM.fullmatch(name))
    names = (*want.torch, *want.hints)
    unstable = tuple(name for name in names if not is_stable_name(name))
    if unstable or not shims:
        return Stable(False, shims, unstable)
    exporting = [v for v in sorted(atlas.releases) if not atlas.missing(v, want.torch)]
    promise, by = _promise(shims, atlas)
    return Stable(True, shims, (), promise, by, exporting[0] if exporting else None)


def _promise(shims: tuple[str, ...], atlas: AtlasView) -> tuple[Version | None, str]:
    """The floor by promise and the shim that sets it; no floor where one shim is in no list."""
    table = load_facts().stable_abi
    promised = {name: row.version for row in table.shims for name in row.names}
    floor, by = table.floor, ""
    for name in shims:
        first = atlas.first_with(name)
        if name not in promised and (first is None or first > table.floor):
            return None, name
        if promised.get(name, floor) > floor:
            floor, by = promised[name], name
    return floor, by
