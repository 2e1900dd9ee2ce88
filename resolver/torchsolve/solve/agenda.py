"""Which package the core decides next, without looking through all of them each time.

First one with a single option left, then the highest score, then the one that was met first. Two
heaps hold what was required at some time; what is decided by now is passed over. Where choices are
undone, or scores change, they are made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

from torchsolve.solve.state import State


class Agenda:
    """Required packages that are not decided. ``scores`` may change before a ``renew``."""

    def __init__(self, state: State, scores: Mapping[str, int]) -> None:
        self._state, self._scores = state, scores
        self._forced: list[tuple[int, str]] = []
        self._open: list[tuple[int, int, str]] = []
        self._known: set[str] = set()

    def add(self, key: str) -> None:
        """Takes note of a package whose domain shrank."""
        state = self._state
        if not state.required(key):
            return
        order = state.order[key]
        if state.domain(key).bit_count() == 1:
            heappush(self._forced, (order, key))
        elif key not in self._known:
            self._known.add(key)
            heappush(self._open, (-self._scores.get(key, 0), order, key))

    def renew(self) -> None:
        """After choices were undone."""
        state, scores = self._state, self._scores
        left = [k for k in state.order if k not in state.decided and state.required(k)]
        self._known = set(left)
        self._open = [(-scores.get(key, 0), state.order[key], key) for key in left]
        self._forced = [(state.order[k], k) for k in left if state.domain(k).bit_count() == 1]
        heapify(self._open)

    def next(self) -> str | None:
        """The package to decide; None where all that is required is decided."""
        decided = self._state.decided
        while self._forced and self._forced[0][1] in decided:
            heappop(self._forced)
        if self._forced:
            return self._forced[0][1]
        while self._open and self._open[0][2] in decided:
            heappop(self._open)
        return self._open[0][2] if self._open else None
