"""Which packages lost their options to others, and how often: five times and they change places.

It is uv's count, event by event. A version that is not taken since a dependency of its clashes is
one; so is each step by which a contradiction is traced back, and a version that another Python is
asked for. Their packages are the *losers*, what they clash with the *culprits*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from torchsolve.solve.keys import PYTHON, split_key

CHANGES_AFTER = 5


class Tally:
    """Counts of one search.

    Attributes:
        turn: the package whose turn it is; it loses where anything clashes.
        early, late: packages whose count came to five, not dealt with yet.
    """

    def __init__(self) -> None:
        self.turn = PYTHON
        self.early: list[str] = []
        self.late: list[str] = []
        self._lost: Counter[str] = Counter()
        self._won: Counter[str] = Counter()
        self._pythons: set[str] = set()

    def clash(self, loser: str, keys: Iterable[str], times: int = 1) -> None:
        """``loser`` cannot have what it wants because of others among ``keys``."""
        name = split_key(loser)[0]
        culprits = [key for key in keys if key != loser and split_key(key)[0] != name]
        for key in culprits:
            self._win(key, times)
        if culprits:
            self._lose(self.turn, times)

    def refused(self, key: str, python: str) -> None:
        """The target is refused by ``python``. It is blamed once, then the package is."""
        self._win(key)
        self._lose(key if python in self._pythons else PYTHON)
        self._pythons.add(python)

    def _win(self, key: str, times: int = 1) -> None:
        self._won[key] += times
        if self._won[key] - times < CHANGES_AFTER <= self._won[key]:
            self.late.append(key)

    def _lose(self, key: str, times: int = 1) -> None:
        self._lost[key] += times
        if self._lost[key] - times < CHANGES_AFTER <= self._lost[key]:
            self.early.append(key)
