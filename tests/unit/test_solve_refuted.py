"""What refutes one cell is not searched for again in the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.index_server import FakeFile, IndexServer
from support.wheels import make_wheel
from torchsolve import pipeline
from torchsolve.config import Settings
from torchsolve.model.outcome import Matrix
from torchsolve.model.plan import CellStatus
from torchsolve.solve.core import CoreEngine
from torchsolve.solve.engine import Answer
from torchsolve.solve.leaves import Leaves
from torchsolve.solve.problem import Problem
from torchsolve.solve.refuted import Refuted


def pure(name: str, version: str, *requires: str, tag: str = "py3-none-any") -> FakeFile:
    return FakeFile(make_wheel(name, version, list(requires), tag=tag))


# left and right never go together, tied goes with one torch,
# old has no wheel for a Python after 3.11.
WORLD = {
    "torch": [pure("torch", version) for version in ("2.6.0", "2.7.0")],
    "left": [pure("left", "1.0", "base<2")],
    "right": [pure("right", "1.0", "base>=2")],
    "tied": [pure("tied", "1.0", "torch==2.6.0")],
    "base": [pure("base", "1.0"), pure("base", "2.0")],
    "old": [pure("old", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")],
    **{f"other{i}": [pure(f"other{i}", "1.0")] for i in range(8)},
}
OTHERS = tuple(f"other{i}" for i in range(8))


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(WORLD) as server:
        yield server


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many facts each question had that the engine was given."""
    counts: list[int] = []

    class Counting(CoreEngine):
        def solve(self, problem: Problem, *more: object) -> Answer:
            counts.append(len(problem.question.facts))
            return super().solve(problem)

    monkeypatch.setattr(pipeline, "CoreEngine", Counting)
    return counts


def asked(folder: Path, *lines: str) -> list[str]:
    path = folder / "requirements.txt"
    path.write_text("".join(f"{line}\n" for line in (*OTHERS, *lines)))
    return [str(path)]


def settings(folder: Path, index: IndexServer) -> Settings:
    return Settings(
        cache_dir=folder / "cache", index=index.url, torch_index="default", evidence="metadata"
    )


def test_a_clash_that_no_cell_changes_is_searched_once(
    tmp_path: Path, index: IndexServer, solved: list[int]
) -> None:
    lines = ("torch", "left", "right")
    found = pipeline.matrix(asked(tmp_path, *lines), settings(tmp_path, index))
    assert len(found.cells) > 40
    assert {cell.status for cell in found.cells} == {CellStatus.INFEASIBLE}
    assert all(cell.conflict is not None for cell in found.cells)
    whole = [count for count in solved if count > len(OTHERS)]
    # One for the clash, and one for the releases that the index lacks, whatever their number.
    assert len(whole) <= 2


def test_cells_that_differ_in_what_clashes_are_told_apart(
    tmp_path: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def statuses(found: Matrix) -> dict[str, CellStatus]:
        return {str(cell.cell): cell.status for cell in found.cells}

    lines = asked(tmp_path, "torch", "old")
    quick = statuses(pipeline.matrix(lines, settings(tmp_path, index)))
    monkeypatch.setattr(Refuted, "refuting", lambda *_: None)
    assert quick == statuses(pipeline.matrix(lines, settings(tmp_path, index)))
    assert set(quick.values()) == {CellStatus.SOLVED, CellStatus.INFEASIBLE}
    solved = {name for name, status in quick.items() if status is CellStatus.SOLVED}
    assert all(name.startswith("cp311-") for name in solved)


def test_a_torch_that_facts_tie_is_found_once_for_all_cells(
    tmp_path: Path, index: IndexServer, solved: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = asked(tmp_path, "torch", "tied")
    quick = pipeline.resolve(lines, settings(tmp_path, index))
    asked_once = len(solved)
    monkeypatch.setattr(Leaves, "torches", lambda *_: None)
    slow = pipeline.resolve(lines, settings(tmp_path, index))
    assert quick == slow
    assert quick.plan is not None
    assert str(quick.plan.cell.torch) == "2.6.0"
    assert asked_once * 3 < (len(solved) - asked_once) * 2


@pytest.mark.parametrize("line", ["tied", "old", "torch<2.7", "torch!=2.6.0"])
def test_torches_that_facts_leave_rule_out_no_cell_that_works(
    tmp_path: Path, index: IndexServer, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    lines = asked(tmp_path, "torch", line)
    quick = pipeline.matrix(lines, settings(tmp_path, index))
    monkeypatch.setattr(Refuted, "refuting", lambda *_: None)
    slow = pipeline.matrix(lines, settings(tmp_path, index))
    assert [(c.cell, c.status) for c in quick.cells] == [(c.cell, c.status) for c in slow.cells]
    assert {cell.status for cell in quick.cells} == {CellStatus.SOLVED, CellStatus.INFEASIBLE}
