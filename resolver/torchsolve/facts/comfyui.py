"""ComfyUI's releases and their requirements (``matrices/comfyui.toml``)."""

from __future__ import annotations

import datetime as dt

from torchsolve.errors import UsageError
from torchsolve.facts.table import Row, Table
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class ComfyRow:
    """One known state of ComfyUI.

    Attributes:
        version: ``0.3.64``; None where only the commit is known.
        commit: 40 hex digits.
        date: of the commit; None when unknown, then ``not_before`` bounds it from below.
        requirements: the lines of its requirements.txt, verbatim.
    """

    version: str | None
    commit: str
    date: dt.date | None
    not_before: dt.date | None
    requirements: tuple[str, ...]
    verified: bool
    source: str

    @property
    def day(self) -> dt.date | None:
        """Of the commit, or the day that bounds it."""
        return self.date or self.not_before


@dataclass(frozen=True, slots=True)
class ComfyTable:
    """Newest first; rows without a date lead. ``unused``: requirements that no row names.

    ``modules``: what ComfyUI's own folder holds to import.
    """

    releases: tuple[ComfyRow, ...]
    unused: tuple[str, ...]
    modules: frozenset[str]

    def newest(self, until: dt.date | None) -> ComfyRow | None:
        """The newest row that is not later than a day; None: the newest of all.

        A row without a date counts from the day that bounds it. None where all are later.
        """
        known = [(row.day or dt.date.min, row) for row in self.releases]
        fitting = [pair for pair in known if until is None or pair[0] <= until]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None

    def find(self, text: str) -> ComfyRow:
        """By version or by the start of a commit (at least 7 digits).

        A version is the commit that raised it, not a later one that still says it.
        Raises UsageError ``unknown-comfyui``.
        """
        name = text.removeprefix("v")
        found = [row for row in self.releases if row.version == name]
        if not found and len(name) >= 7:
            found = [row for row in self.releases if row.commit.startswith(name.lower())]
        if not found:
            newest = next((row.version for row in self.releases if row.version), None)
            raise UsageError(
                "unknown-comfyui",
                f"no facts about ComfyUI {text!r}",
                hint=f"the newest known release is {newest}; a path to a checkout works too",
            )
        return found[-1]


def parse_comfyui(table: Table) -> ComfyTable:
    """Raises UsageError ``bad-table``."""
    states = table.mapping("requirements")
    used: set[str] = set()
    rows = tuple(_row(row, states, used) for row in table.rows("release"))
    top = table.top()
    top.source()
    modules = frozenset(top.words("modules"))
    return ComfyTable(rows, tuple(key for key in states if key not in used), modules)


def _row(row: Row, states: dict[str, str], used: set[str]) -> ComfyRow:
    state = row.text("requirements")
    if state not in states:
        raise row.error(f"requirements {state!r} is not in [requirements]")
    used.add(state)
    found = ComfyRow(
        row.maybe("version"),
        row.text("commit"),
        row.day("date"),
        row.day("not_before"),
        tuple(states[state].splitlines()),
        row.verified(),
        row.source(),
    )
    if found.date is None and found.not_before is None:
        raise row.error("has neither date nor not_before")
    row.done()
    return found
