"""What the core knows at one moment: which options are left, and why the others went.

A *domain* is a bit set over the options of a package, with one bit more for its absence. It starts
as the *universe* of that package (what the facts leave, so that facts need no reasons) and only
shrinks. The *trail* lists each shrinking with its reason, so that it can be undone and asked about.
A *nogood* maps packages to bit sets: not all of them at once. One of its terms is *satisfied* when
the domain lies inside its bit set, and *dead* when they have nothing in common.
"""

from __future__ import annotations

from collections.abc import Mapping

from torchsolve.model.values import dataclass
from torchsolve.solve.problem import Problem

Nogood = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One shrinking of a domain, at a level of choices. ``reason`` is None for a choice."""

    key: str
    before: int
    after: int
    level: int
    reason: Nogood | None


class State:
    """Domains, their trail, and which packages are decided.

    Attributes:
        decided: package → (level, whether it was a choice; else only one option was left).
        changed: packages whose domain shrank since nogoods were last looked at.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._universe: dict[str, int] = {}
        self._domains: dict[str, int] = {}
        self._absent: dict[str, int] = {}
        self._positions: dict[str, list[int]] = {}
        self.trail: list[Entry] = []
        self.decided: dict[str, tuple[int, bool]] = {}
        self.level = 0
        self.changed: list[str] = []

    def absent(self, key: str) -> int:
        """The bit that stands for the package's absence."""
        self.domain(key)
        return self._absent[key]

    def universe(self, key: str) -> int:
        """What the facts leave of a package."""
        self.domain(key)
        return self._universe[key]

    def domain(self, key: str) -> int:
        """What is left of a package. Raises UnknownError when its page is out of reach."""
        found = self._domains.get(key)
        if found is None:
            absent = self._absent[key] = 1 << len(self._problem.package(key).options)
            found = self._problem.bound(key) | absent
            self._universe[key] = self._domains[key] = found
            self._positions[key] = []
        return found

    def demand(self, key: str, mask: int) -> bool:
        """Take over a fact, before anything else. False where it leaves nothing."""
        left = self.domain(key) & mask
        self._universe[key] = self._domains[key] = left
        return left != 0

    def required(self, key: str) -> bool:
        """Whether the package cannot be absent any more."""
        return not self.domain(key) & self._absent[key]

    def narrow(self, key: str, mask: int, reason: Nogood | None) -> None:
        """Shrink a domain to ``mask``; something of it must be left."""
        before = self.domain(key)
        after = before & mask
        if after == before:
            return
        self._positions[key].append(len(self.trail))
        self.trail.append(Entry(key, before, after, self.level, reason))
        self._domains[key] = after
        self.changed.append(key)

    def satisfied(self, key: str, mask: int) -> bool:
        """Whether a term holds now."""
        return not self.domain(key) & ~mask

    def first_level(self, key: str) -> int:
        """The level at which a package was first asked for, or first lost an option."""
        positions = self._positions[key]
        entry = self.trail[positions[0]] if positions else None
        return entry.level if entry is not None and entry.reason is not None else 0

    def satisfied_at(self, key: str, mask: int) -> int:
        """Trail position at which a term that holds first held; -1: it always did."""
        if not self.universe(key) & ~mask:
            return -1
        return next(p for p in self._positions[key] if not self.trail[p].after & ~mask)

    def back_to(self, level: int) -> None:
        """Undo all that came after the choices of ``level``."""
        while self.trail and self.trail[-1].level > level:
            entry = self.trail.pop()
            self._domains[entry.key] = entry.before
            self._positions[entry.key].pop()
        self.decided = {key: row for key, row in self.decided.items() if row[0] <= level}
        self.level = level
        self.changed.clear()
