"""From a build log to the cause (matrices/build_failures.toml, then known_conflicts.toml)."""

from __future__ import annotations

import re

from torchsolve.facts import facts
from torchsolve.model.failure import KnownFailure, recognize
from torchsolve.model.outcome import Diagnosis

#: Lines in which an engine or an installer says what went wrong, once none of the rows fits.
_COMPLAINT = re.compile(r"\b(ERROR|error|E|fatal|failed)\b:? \S", re.MULTILINE)


def diagnose(log: str) -> tuple[Diagnosis, ...]:
    """What a build log shows, most telling first; empty where nothing was recognized."""
    return recognize(log, known_failures())


def known_failures() -> tuple[KnownFailure, ...]:
    """The rows of both tables, in the order in which they are asked."""
    return (*facts.build_failures, *facts.known_conflicts)


def complaint(log: str) -> str:
    """The last line that complains, ``""`` without one."""
    lines = [line.strip() for line in log.splitlines() if _COMPLAINT.search(line)]
    return lines[-1] if lines else ""
