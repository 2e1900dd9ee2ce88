"""What a whole run of ``resolve`` or ``matrix`` ends with; what ``report/`` renders."""

from __future__ import annotations

from torchsolve.model.claim import Checked
from torchsolve.model.evidence import Evidence
from torchsolve.model.plan import CellOutcome, CellStatus, Conflict, Plan
from torchsolve.model.project import ProjectFacts
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer of ``resolve``.

    Attributes:
        status: solved (exit 0), infeasible (3) or unknown (4).
        projects: what was read.
        plan: the chosen one; with ``unknown`` the best that can be shown, or None.
        conflict: of the cell that came nearest, when infeasible; or why ``--base`` was refused.
        tried: every cell that was tried, in order.
        untried: how many cells the filters left that were not tried, since one was good enough.
        reasons: what could not be decided, when unknown.
        chosen_because: why this cell and not an earlier one, one line each.
        witness: what the second engine said of the plan where it did not agree.
        indexes: where packages were looked for, and who said so, one line each.
        kept: what was kept of an earlier lock and what was not; empty without one.
        claims: what notes and READMEs say, held against the source.
        asked: pin name and the evidence of each requirement on it, in the order of the pins.
    """

    status: CellStatus
    projects: tuple[ProjectFacts, ...]
    plan: Plan | None
    conflict: Conflict | None
    tried: tuple[CellOutcome, ...]
    untried: int = 0
    reasons: tuple[Evidence, ...] = ()
    chosen_because: tuple[str, ...] = ()
    asked: tuple[tuple[str, Evidence], ...] = ()
    witness: str = ""
    indexes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    claims: tuple[Checked, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """The answer of ``matrix``: every cell that the filters leave, in order.

    ``indexes``: where packages were looked for and who said so, one line each.
    """

    projects: tuple[ProjectFacts, ...]
    cells: tuple[CellOutcome, ...]
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of a smoke test. ``status``: passed, failed or skipped. ``seconds``: wall time."""

    name: str
    status: str
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A failure that was recognized: its cause and what to do."""

    reference: str
    cause: str
    fix: str


@dataclass(frozen=True, slots=True)
class SmokeReport:
    """The answer of ``smoke``. ``status``: passed or failed."""

    status: str
    image: str
    checks: tuple[CheckResult, ...]
    diagnosis: tuple[Diagnosis, ...] = ()
