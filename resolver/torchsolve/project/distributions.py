"""Import name → the distributions that bring it (``data/imports.txt``, made from the index)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def meant_by(name: str, others: Iterable[str]) -> str:
    """What a name that no index has may stand for; empty where nothing is near.

    ``others``: names of the project's other requirements. Beside them the table is looked through:
    an import name is its distribution's, anything else the name that is spelt most alike.
    """
    known = {*others, *(row for names in _table().values() for row in names)} - {name}
    found = [one for one in distributions_of(name.replace("-", "_")) if one != name]
    found += [one for module in _table() if module.lower() == name for one in _table()[module]]
    from difflib import get_close_matches

    return next(iter((*found, *get_close_matches(name, sorted(known), 1, 0.8))), "")


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in (share("data") / "imports.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            module, name, _version = line.split()
            found[module] = (*found.get(module, ()), name)
    return found
