"""How long work says how far it is; ``cli/`` draws it, on a terminal only."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """One stage at a time. A caller without a terminal passes None and nothing is said."""

    def stage(self, what: str, total: int | None = None) -> None:
        """A new stage begins: ``reading metadata``, of ``total`` steps where that is known."""

    def advance(self, steps: int = 1) -> None:
        """So many steps of the stage are done."""

    def message(self, line: str) -> None:
        """One line of a log that streams by (a build's output)."""
