"""A second opinion on a plan: resolvelib, given its pins to try first, must come to them too."""

from __future__ import annotations

from torchsolve.solve.engine import GaveUp, Solved
from torchsolve.solve.problem import Problem
from torchsolve.solve.resolvelib_engine import ResolvelibEngine

_ROUNDS_A_PIN = 20


def witness(problem: Problem, picks: dict[str, int]) -> str:
    """What is to be said of the second opinion; empty where it agrees.

    The plan was checked edge by edge before; a refusal here is a defect of one of the engines
    (resolvelib is known to have some on cyclic graphs), and worth a report.
    """
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
