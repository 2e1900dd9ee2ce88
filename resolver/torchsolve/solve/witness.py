"""A second opinion on a plan: resolvelib, given its pins to try first, must come to them too."""

from __future__ import annotations

from torchsolve.solve.engine import GaveUp, Solved
from torchsolve.solve.problem import Problem
from torchsolve.solve.resolvelib_engine import ResolvelibEngine

_ROUNDS_A_PIN = 20
# resolvelib keeps a copy of its state for each pin: 3,000 take 30 seconds and a gigabyte.
_MOST_PINS = 1000


def witness(problem: Problem, picks: dict[str, int]) -> str:
    """What is to be said of the second opinion; empty where it agrees.

    The plan was checked edge by edge before; a refusal here is a defect of one of the engines
    (resolvelib is known to have some on cyclic graphs), and worth a report.
    """
    if len(picks) > _MOST_PINS:
        return f"resolvelib was not asked as a witness: {len(picks)} packages are too many for it"
    engine = ResolvelibEngine(_ROUNDS_A_PIN * (len(picks) + 10), picks)
    answer = engine.solve(problem)
    if isinstance(answer, GaveUp):
        return f"resolvelib, asked as a witness, did not finish within {answer.rounds} rounds"
    if not isinstance(answer, Solved):
        return "resolvelib, asked as a witness, refuses a plan that every edge accepts"
    other = {key for key, position in answer.picks.items() if picks.get(key) != position}
    if other:
        names = ", ".join(sorted(other)[:3])
        return f"resolvelib, asked as a witness, chose otherwise for {names}"
    return ""
