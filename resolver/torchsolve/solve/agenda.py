"""Which package the core decides next: in uv's order, so that where one of two must give way it is
the one that uv lets go.

A name that somebody asks for by an exact version goes first; then those that lost too often to what
was decided before them, then those that the others lost to; then all in the order in which they
were met. A package and its extras go together. What is decided by now is passed over in a heap,
which is made anew where choices are undone.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from torchsolve.solve.keys import split_key
from torchsolve.solve.state import State

PLAIN, LATE, EARLY, PINNED = range(4)
_VIRTUAL = 4


class Agenda:
    """Required packages that are not decided.

    Attributes:
        places: of all that was met: name, and when that and when this one was first asked for.
        edition: changes where packages that are known by now would be taken in another order.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._tier: dict[str, int] = {}
        self._met: dict[str, int] = {}
        self.places: dict[str, tuple[str, int, int]] = {}
        self._open: list[tuple[int, int, int, str]] = []
        self._known: set[str] = set()
        self.edition = 0

    def meet(self, key: str, *, pinned: bool) -> None:
        """Somebody asks for a package, by an exact version or not."""
        place = self.places.get(key) or self._enter(key, PINNED if pinned else PLAIN)
        if pinned and self._tier[place[0]] < PINNED:
            self._put(place[0], PINNED)
            self.add(key)

    def _enter(self, key: str, tier: int = PLAIN) -> tuple[str, int, int]:
        name = split_key(key)[0]
        met = self._met.setdefault(name, len(self._met))
        self._tier.setdefault(name, _VIRTUAL if key.startswith("<") else tier)
        place = self.places[key] = (name, met, len(self.places))
        return place

    def put_early(self, key: str) -> bool:
        """Decide a name before those that made it lose. False where that was so."""
        name = split_key(key)[0]
        if key.startswith("<") or self._tier.get(name) == EARLY:
            return False
        self._put(name, EARLY)
        return True

    def put_late(self, key: str) -> bool:
        """Decide a name after those that lost to it. False where it has such a place already."""
        name = split_key(key)[0]
        if key.startswith("<") or self._tier.get(name) in (EARLY, LATE):
            return False
        self._put(name, LATE)
        return True

    def _put(self, name: str, tier: int) -> None:
        self._tier[name] = tier
        self._known.clear()
        self.edition += 1

    def add(self, key: str) -> None:
        """Takes note of a package whose domain shrank."""
        if key not in self._known and self._state.required(key):
            self._known.add(key)
            heappush(self._open, self._place(key))

    def _place(self, key: str) -> tuple[int, int, int, str]:
        name, met, own = self.places.get(key) or self._enter(key)
        return (-self._tier[name], met, own, key)

    def renew(self) -> None:
        """After choices were undone, or places were changed."""
        state = self._state
        left = [k for k in self.places if k not in state.decided and state.required(k)]
        self._known = set(left)
        self._open = [self._place(key) for key in left]
        heapify(self._open)

    def next(self) -> str | None:
        """The package to decide; None where all that is required is decided."""
        decided, required = self._state.decided, self._state.required
        while self._open and (self._open[0][3] in decided or not required(self._open[0][3])):
            heappop(self._open)
        return self._open[0][3] if self._open else None
