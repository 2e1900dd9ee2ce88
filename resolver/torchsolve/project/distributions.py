"""Import name → the distributions that bring it (``data/imports.txt``, made from the index)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from torchsolve.resources import share


def distributions_of(module: str) -> tuple[str, ...]:
    """PEP 503 names that bring a dotted module, the preferred one first; none where none is known.

    The longest known part of the name decides; of a namespace (``google``) all of it must be one's.
    """
    table = _table()
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        found = table.get(".".join(parts[:length]))
        if found:
            return found
    below = {names for name, names in table.items() if name.startswith(f"{parts[0]}.")}
    return next(iter(below)) if len(below) == 1 else ()


def alternatives_to(name: str) -> frozenset[str]:
    """Other distributions that bring a module which this one brings."""
    sharing = (names for names in _table().values() if name in names)
    return frozenset(other for names in sharing for other in names) - {name}


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in (share("data") / "imports.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            module, name, _version = line.split()
            found[module] = (*found.get(module, ()), name)
    return found
