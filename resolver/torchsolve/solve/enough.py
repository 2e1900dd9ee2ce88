"""When a cell is good enough to end the search, and what leaves it undecided."""

from __future__ import annotations

from collections.abc import Sequence

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.plan import CellOutcome, CellStatus, Plan, PlanVerdict, WheelVerdict
from torchsolve.model.project import ProjectFacts
from torchsolve.model.values import replace


def best(tried: Sequence[CellOutcome]) -> CellOutcome | None:
    """The outcome to show: the surest that is solved, else an undecided one; None without any."""
    solved = [outcome for outcome in tried if outcome.status is CellStatus.SOLVED]
    if solved:
        return min(solved, key=lambda outcome: (not is_sure(outcome), len(outcome.built)))
    undecided = [outcome for outcome in tried if outcome.status is CellStatus.UNKNOWN]
    with_plan = (outcome for outcome in undecided if outcome.plan is not None)
    return next(with_plan, next(iter(undecided), None))


def is_good(outcome: CellOutcome) -> bool:
    """Nothing better can come: as sure as can be known, and no wheel was passed over."""
    return is_sure(outcome) and not outcome.built


def is_sure(outcome: CellOutcome) -> bool:
    """Solved, and decided as far as the evidence that was asked for can decide."""
    return (
        outcome.status is CellStatus.SOLVED
        and outcome.plan is not None
        and outcome.plan.verdict in (PlanVerdict.PROVEN, PlanVerdict.DECLARED)
    )


def in_doubt(outcome: CellOutcome, projects: Sequence[ProjectFacts]) -> CellOutcome:
    """The outcome, undecided where a project has dependencies that nobody can tell.

    They are missing from its plan, and are so in every cell: what was proven is the rest.
    """
    untold = tuple(fact for project in projects for fact in project.untold)
    if not untold or outcome.plan is None:
        return outcome
    return replace(
        outcome,
        status=CellStatus.UNKNOWN,
        plan=replace(outcome.plan, verdict=PlanVerdict.UNKNOWN),
        because=(*untold, *outcome.because),
    )


def has_own_holes(outcome: CellOutcome) -> bool:
    """An unknown plan all of whose files were seen: some of them cannot be read."""
    plan = outcome.plan
    if plan is None or outcome.status is not CellStatus.UNKNOWN:
        return False
    return all(pin.file.url is not None or pin.file.index != "torch" for pin in plan.pins)


def no_better_elsewhere(outcome: CellOutcome) -> bool:
    """The plan's only holes are sdists that nobody can read: they are the same in every cell."""
    plan = outcome.plan
    if plan is None or not has_own_holes(outcome):
        return False
    holes = [pin for pin in plan.pins if pin.unread is not None]
    return bool(holes) and all(pin.file.index != "project" for pin in holes)


def holes(plan: Plan) -> tuple[Evidence, ...]:
    """What could not be read, and binaries that tell nothing."""
    unread = [
        Evidence(f"{pin.name} {pin.version}", str(pin.unread), Strength.OBSERVED, pin.file.filename)
        for pin in plan.pins
        if pin.unread is not None
    ]
    untold = {
        f"{pin.name} {pin.file.version}"
        for pin in plan.pins
        if pin.torch_coupled and pin.unread is None and pin.verdict is WheelVerdict.UNKNOWN
    }
    return (*unread, *(fact for fact in plan.evidence if fact.subject in untold))
