"""Engines and conflicts over worlds that are data, and against brute force over random ones."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from support.worlds import NoDirect, WorldIndex, cases, question, rules_of
from torchsolve.solve.check import broken_edges
from torchsolve.solve.conflict import explain
from torchsolve.solve.core import CoreEngine
from torchsolve.solve.engine import Answer, Engine, GaveUp, Infeasible, Solved
from torchsolve.solve.packages import Library
from torchsolve.solve.problem import Problem
from torchsolve.solve.question import Question
from torchsolve.solve.resolvelib_engine import ResolvelibEngine
from torchsolve.solve.witness import witness

ENGINES: tuple[Engine, ...] = (CoreEngine(), ResolvelibEngine())
engines = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def solve(
    index: WorldIndex, asked: Question, engine: Engine = ENGINES[0]
) -> tuple[Problem, Answer]:
    problem = Problem(asked, Library(asked.target, rules_of(asked), index), NoDirect())
    return problem, engine.solve(problem)


def pins(problem: Problem, answer: Answer) -> dict[str, str]:
    assert isinstance(answer, Solved), answer
    return {
        key: str(problem.package(key).options[position].version)
        for key, position in answer.picks.items()
        if "[" not in key
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases()])
@engines
def test_world(case: dict[str, Any], engine: Engine) -> None:
    if case.get("order") and engine is not ENGINES[0]:
        pytest.skip("which of two answers is found is the core's alone to say")
    index = WorldIndex(case["packages"])
    asked = question(case["ask"], case.get("cell"))
    problem, answer = solve(index, asked, engine)
    if "pins" in case:
        assert pins(problem, answer) == case["pins"]
        assert isinstance(answer, Solved)
        assert broken_edges(problem, answer.picks) == ()
        assert witness(problem, answer.picks) == ""
        return
    assert isinstance(answer, Infeasible)
    conflict, _ = explain(asked, lambda q: solve(index, q, engine), "a-cell")
    assert sorted(fact.statement for fact in conflict.facts) == sorted(case["conflict"])


def test_a_witness_does_not_repeat_what_it_is_told() -> None:
    index = WorldIndex({"a": {"1": [], "2": ["b<2"]}, "b": {"1": [], "2": []}})
    problem, answer = solve(index, question(["a", "b"]))
    assert isinstance(answer, Solved)
    newest_b = {**answer.picks, "b": 0}
    assert witness(problem, newest_b).endswith("chose otherwise for b")


def test_a_plan_that_is_too_large_for_a_witness_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, answer = solve(WorldIndex({"a": {"1": []}, "b": {"1": []}}), question(["a", "b"]))
    assert isinstance(answer, Solved)
    monkeypatch.setattr("torchsolve.solve.witness._MOST_PINS", len(answer.picks) - 1)
    said = f"{len(answer.picks)} packages are too many for it"
    assert witness(problem, answer.picks).endswith(said)


NAMES = ("a", "b", "c", "d")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, dict[str, list[str]]], list[str]]:
    def some_requirement() -> str:
        name = draw(st.sampled_from(NAMES))
        operator = draw(st.sampled_from(["", "==1", "==2", ">=2", "<2", "!=1", "==3"]))
        return name + operator

    packages = {
        name: {
            str(version): [some_requirement() for _ in range(draw(st.integers(0, 2)))]
            for version in range(1, draw(st.integers(1, 3)) + 1)
        }
        for name in NAMES
    }
    return packages, [some_requirement() for _ in range(draw(st.integers(1, 3)))]


def brute_force(packages: dict[str, dict[str, list[str]]], ask: list[str]) -> bool:
    choices = [[None, *packages[name]] for name in NAMES]
    return any(
        all(
            holds(line, dict(zip(NAMES, world, strict=True)))
            for line in itertools.chain(
                ask,
                *(packages[n][v] for n, v in zip(NAMES, world, strict=True) if v is not None),
            )
        )
        for world in itertools.product(*choices)
    )


def holds(line: str, world: dict[str, str | None]) -> bool:
    requirement = Requirement(line)
    version = world[requirement.name]
    return version is not None and Version(version) in requirement.specifier


@engines
@given(world=worlds())
@settings(max_examples=300, deadline=None)
def test_verdict_is_that_of_brute_force(
    engine: Engine, world: tuple[dict[str, dict[str, list[str]]], list[str]]
) -> None:
    packages, ask = world
    problem, answer = solve(WorldIndex(packages), question(ask), engine)
    if isinstance(answer, GaveUp):
        return  # nothing is claimed
    if isinstance(answer, Solved):
        assert broken_edges(problem, answer.picks) == ()
    assert isinstance(answer, Solved) == brute_force(packages, ask)


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_no_fact_of_a_conflict_can_be_left_out(
    world: tuple[dict[str, dict[str, list[str]]], list[str]],
) -> None:
    packages, ask = world
    index = WorldIndex(packages)
    asked = question(dict.fromkeys(ask))
    _, answer = solve(index, asked)
    if not isinstance(answer, Infeasible):
        return
    _, facts = explain(asked, lambda q: solve(index, q), "a-cell")
    blamed = [str(f.requirement) for f in facts if f.requirement is not None]
    assert not brute_force(packages, blamed)
    for line in blamed:
        assert brute_force(packages, [other for other in blamed if other != line])
