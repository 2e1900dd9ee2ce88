"""Binaries in the search: what they refute is passed over, and a conflict names it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from packaging.version import Version

from support.worlds import NoDirect, WorldIndex, question
from torchsolve.model.evidence import Disagreement, Evidence, Strength
from torchsolve.model.package import IndexFile
from torchsolve.model.plan import WheelVerdict
from torchsolve.model.project import WheelFact
from torchsolve.model.proof import Place, Proof
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.solve.check import broken_edges
from torchsolve.solve.conflict import explain
from torchsolve.solve.core import CoreEngine
from torchsolve.solve.engine import Answer, Engine, Infeasible, Solved
from torchsolve.solve.packages import Library
from torchsolve.solve.problem import Problem
from torchsolve.solve.question import Fact, FactKind, Question, Rules
from torchsolve.solve.resolvelib_engine import ResolvelibEngine
from torchsolve.solve.sources import Prover

TAG = ["cp312-cp312-manylinux_2_28_x86_64"]
WORLD: dict[str, dict[str, Any]] = {
    "torch": {"2.9.1": {"tags": TAG}, "2.8.0": {"tags": TAG}},
    "kernels": {
        "1.2": {"requires": ["torch>=2"], "tags": TAG},
        "1.1": {"requires": ["torch>=2"], "tags": TAG},
        "1.0": {"requires": ["torch==2.8.0"], "tags": TAG},
    },
    "words": {"3.0": ["torch>=2"]},
    "numbers": {"4.0": {"requires": [], "tags": TAG}},
}
engines = pytest.mark.parametrize(
    "engine", [CoreEngine(), ResolvelibEngine()], ids=lambda engine: engine.name
)


@dataclass
class Refuter:
    """Refutes ``name-version`` on every torch, and remembers what it was asked."""

    refuted: Collection[str]
    asked: list[str] = field(default_factory=list)
    new: Collection[str] = ()

    def proof(self, file: IndexFile, place: Place, python: PythonVersion) -> Proof:
        label = f"{file.name} {file.version}"
        self.asked.append(label)
        if label in self.new and place.libstdcxx is not None:
            said = "does not load on torch 2.9.1: libstdc++.so.6 of the host has no GLIBCXX_3.4.40"
            return Proof(WheelVerdict.REFUTED, Evidence(label, said, Strength.PROVEN, "0123 a.so"))
        verdict = WheelVerdict.REFUTED if label in self.refuted else WheelVerdict.LOADS
        said = f"{verdict.value} on torch {place.torch} and {python}"
        return Proof(verdict, Evidence(label, said, Strength.PROVEN, "0123 a.so _Zsymbol"))

    def freed(self, *, gpus: bool, driver: bool) -> Prover:
        raise AssertionError(gpus, driver)

    def contradictions(self, wheel: WheelFact) -> tuple[Disagreement, ...]:
        raise AssertionError(wheel)


def asked_at(torch: str, *ask: str) -> Question:
    place = Place(Version(torch), CudaTag("cu128"), True, "2.39", "3.4.33")
    return replace(question([f"torch=={torch}", *ask], {"torch": torch}), place=place)


def solve(asked: Question, refuter: Refuter, engine: Engine) -> tuple[Problem, Answer]:
    library = Library(asked.target, Rules(), WorldIndex(WORLD))
    problem = Problem(asked, library, NoDirect(), refuter)
    return problem, engine.solve(problem)


def version_of(name: str, problem: Problem, answer: Answer) -> str:
    assert isinstance(answer, Solved)
    assert broken_edges(problem, answer.picks) == ()
    return str(problem.package(name).options[answer.picks[name]].version)


@engines
def test_the_search_goes_on_past_what_is_refuted(engine: Engine) -> None:
    refuter = Refuter({"kernels 1.2"})
    problem, answer = solve(asked_at("2.9.1", "kernels"), refuter, engine)
    assert version_of("kernels", problem, answer) == "1.1"


@engines
def test_a_conflict_names_the_wheel_and_the_symbol(engine: Engine) -> None:
    refuter = Refuter({"kernels 1.2", "kernels 1.1"})
    asked = asked_at("2.9.1", "kernels")
    _, answer = solve(asked, refuter, engine)
    assert isinstance(answer, Infeasible)
    conflict, _ = explain(asked, lambda q: solve(q, refuter, engine), "a-cell")
    told = [str(fact) for fact in conflict.facts]
    assert any("kernels 1.2 → refuted on torch 2.9.1" in line for line in told)
    assert any("0123 a.so _Zsymbol" in line for line in told)
    assert any("torch==2.9.1" in line for line in told)


@engines
def test_what_the_binary_says_stands_beside_what_metadata_says(engine: Engine) -> None:
    """A pin whose METADATA fixes the very torch that its binary refutes (xformers 0.0.30)."""
    refuter = Refuter({"kernels 1.0"})
    asked = asked_at("2.8.0", "kernels==1.0")
    _, answer = solve(asked, refuter, engine)
    assert isinstance(answer, Infeasible)
    conflict, _ = explain(asked, lambda q: solve(q, refuter, engine), "a-cell")
    assert any("kernels 1.0 → refuted on torch 2.8.0" in str(fact) for fact in conflict.facts)


@engines
def test_a_conflict_by_libstdcxx_names_it(engine: Engine) -> None:
    """The image's C library is another matter: ``<glibc>`` would send people the wrong way."""
    refuter = Refuter((), new={"kernels 1.2"})
    asked = asked_at("2.9.1", "kernels==1.2")
    glibc = Evidence("<glibc>", "is 2.39 in ubuntu24.04", Strength.DECLARED, "--image")
    asked = replace(asked, facts=(*asked.facts, Fact(FactKind.GLIBC, glibc)))
    conflict, _ = explain(asked, lambda q: solve(q, refuter, engine), "a-cell")
    assert conflict.reference == "libstdcxx-too-old"
    told = [str(fact) for fact in conflict.facts]
    assert "<libstdcxx> → has GLIBCXX_3.4.33 at most in ubuntu24.04 [--image]" in told
    assert not any("<glibc>" in line for line in told)


@engines
def test_binaries_are_asked_only_where_metadata_lets_a_wheel_in(engine: Engine) -> None:
    refuter = Refuter(())
    solve(asked_at("2.9.1", "kernels", "words", "numbers"), refuter, engine)
    # kernels 1.0 asks for another torch, words is pure, numbers uses no torch.
    assert set(refuter.asked) <= {"kernels 1.2", "kernels 1.1"}
    assert "kernels 1.2" in refuter.asked


@engines
def test_nobody_is_asked_without_a_place(engine: Engine) -> None:
    refuter = Refuter({"kernels 1.2"})
    asked = replace(asked_at("2.9.1", "kernels"), place=None)
    problem, answer = solve(asked, refuter, engine)
    assert version_of("kernels", problem, answer) == "1.2"
    assert refuter.asked == []
