"""From a build log to the cause (matrices/build_failures.toml, then known_conflicts.toml)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache

from torchsolve.facts import facts
from torchsolve.model.failure import recognize
from torchsolve.model.outcome import Diagnosis
from torchsolve.resources import share

#: Lines in which an engine or an installer says what went wrong, once none of the rows fits.
_COMPLAINT = re.compile(r"\b(ERROR|error|E|fatal|failed)\b:? \S", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class BuildFailure:
    """A row of build_failures.toml; ``texts`` are what it was seen in."""

    id: str
    regex: str
    cause: str
    fix: str
    texts: tuple[str, ...]
    source: str


@lru_cache
def build_failures() -> tuple[BuildFailure, ...]:
    """All rows, in the order in which they are searched for."""
    table = tomllib.loads((share("matrices") / "build_failures.toml").read_text(encoding="utf-8"))
    return tuple(BuildFailure(**row | {"texts": tuple(row["texts"])}) for row in table["failure"])


def diagnose(log: str) -> tuple[Diagnosis, ...]:
    """What a build log shows, most telling first; empty where nothing was recognized."""
    return recognize(log, (*build_failures(), *facts.known_conflicts))


def complaint(log: str) -> str:
    """The last line that complains, ``""`` without one."""
    lines = [line.strip() for line in log.splitlines() if _COMPLAINT.search(line)]
    return lines[-1] if lines else ""
