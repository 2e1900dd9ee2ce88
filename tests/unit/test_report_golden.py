"""Reports to the byte: screens, tables and JSON of hand-made outcomes."""

from __future__ import annotations

import json

import pytest

from support import outcomes, plans
from support.golden import assert_golden
from torchsolve.model.outcome import Resolution
from torchsolve.report.failure import error_screen, resolution_error
from torchsolve.report.image import inventory_screen
from torchsolve.report.matrix import matrix_csv, matrix_markdown, matrix_screen
from torchsolve.report.plan_json import error_json, matrix_json, resolution_json
from torchsolve.report.screen import paint
from torchsolve.report.smoke import smoke_json, smoke_screen
from torchsolve.report.text import resolution_screen
from torchsolve.report.why import why_screen

RESOLUTIONS = {
    "solved": outcomes.solved,
    "infeasible": outcomes.infeasible,
    "unknown": outcomes.unknown,
    "layered": outcomes.on_base,
}


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _whole(resolution: Resolution) -> str:
    error = resolution_error(resolution)
    failure = paint(error_screen(error)) if error else ""
    return paint(resolution_screen(resolution)) + failure


@pytest.mark.parametrize("name", RESOLUTIONS)
def test_resolution_screen(name: str) -> None:
    assert_golden(f"report/{name}.txt", _whole(RESOLUTIONS[name]()))


@pytest.mark.parametrize("name", RESOLUTIONS)
def test_resolution_json(name: str) -> None:
    assert_golden(f"report/{name}.json", _json(resolution_json(RESOLUTIONS[name]())))


def test_narrow_terminal_wraps_inside_its_column() -> None:
    text = paint(resolution_screen(outcomes.solved()), width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert_golden("report/solved-60.txt", text)


def test_matrix_in_every_format() -> None:
    matrix = outcomes.matrix()
    assert_golden("report/matrix.txt", paint(matrix_screen(matrix)))
    assert_golden("report/matrix.md", matrix_markdown(matrix))
    assert_golden("report/matrix.csv", matrix_csv(matrix))
    assert_golden("report/matrix.json", _json(matrix_json(matrix)))


def test_smoke() -> None:
    assert_golden("report/smoke.txt", paint(smoke_screen(outcomes.smoke())))
    assert_golden("report/smoke.json", _json(smoke_json(outcomes.smoke())))


def test_why() -> None:
    assert_golden("report/why-cell.txt", paint(why_screen(outcomes.solved(), None)))
    assert_golden("report/why-numpy.txt", paint(why_screen(outcomes.solved(), "NumPy")))
    assert_golden("report/why-failed.txt", paint(why_screen(outcomes.infeasible(), None)))


def test_inventory() -> None:
    assert_golden("report/inventory.txt", paint(inventory_screen(plans.inventory())))


def test_error_json() -> None:
    error = resolution_error(outcomes.infeasible())
    assert error is not None
    assert_golden("report/error.json", _json(error_json(error)))
