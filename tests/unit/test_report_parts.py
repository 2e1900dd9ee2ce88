"""Small pieces of reports: what must never be shown, and what must never be lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import outcomes, plans
from torchsolve.errors import UsageError
from torchsolve.model.plan import CellStatus
from torchsolve.report.failure import error_screen, resolution_error
from torchsolve.report.models import models_json
from torchsolve.report.pins import pins_text
from torchsolve.report.plan_json import error_json, resolution_json
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, paint, row
from torchsolve.report.smoke import smoke_screen


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:token@index.example/simple", "https://***@index.example/simple"),
        ("see HTTPS://t0ken@index.example/ twice", "see HTTPS://***@index.example/ twice"),
        ("git+https://u:p@h.example/a@v1", "git+https://***@h.example/a@v1"),
        ("git@github.com:owner/repo", "git@github.com:owner/repo"),
        ("https://h.example/a@b", "https://h.example/a@b"),
    ],
)
def test_credentials_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_an_error_hides_credentials_everywhere() -> None:
    secret = "https://user:hunter2@index.example/"
    error = UsageError("x", secret, origin=secret, hint=secret, facts=(secret,))
    assert "hunter2" not in paint(error_screen(error))
    assert "hunter2" not in str(error_json(error))


def test_infeasible_and_unknown_have_their_codes() -> None:
    codes = {r.status: resolution_error(r) for r in (outcomes.infeasible(), outcomes.unknown())}
    infeasible, unknown = codes[CellStatus.INFEASIBLE], codes[CellStatus.UNKNOWN]
    assert infeasible is not None
    assert unknown is not None
    assert (infeasible.exit_code, unknown.exit_code) == (3, 4)
    assert resolution_error(outcomes.solved()) is None


def test_every_id_of_the_plan_json_is_in_its_evidence() -> None:
    for made in (outcomes.solved(), outcomes.infeasible(), outcomes.unknown()):
        document = resolution_json(made)
        known = {entry["id"] for entry in document["evidence"]}
        plan, conflict = document["plan"] or {}, document["conflict"] or {}
        used = {e for edge in plan.get("exceptions", ()) for e in edge["evidence"]}
        used |= {side for d in document["disagreements"] for side in (d["claim"], d["fact"])}
        used |= {*conflict.get("facts", ()), *document["undecided"]}
        assert used <= known
        assert used or made.status is CellStatus.SOLVED


def test_no_cell_left_by_the_filters() -> None:
    error = resolution_error(replace(outcomes.infeasible(), conflict=None, tried=()))
    assert error is not None
    assert error.reference == "no-cell"


def test_pins_are_plain_lines() -> None:
    lines = pins_text(plans.with_git()).splitlines()
    assert "torch==2.9.1+cu128" in lines
    assert f"utils3d @ git+https://github.com/example/utils3d.git@{plans.COMMIT}" in lines


def test_brackets_are_text_not_markup() -> None:
    text = paint((Block((row("[bold]x[/bold] [/]"),), "[red]heading"),))
    assert "[bold]x[/bold] [/]" in text
    assert "[red]heading" in text


def test_colour_only_where_asked() -> None:
    screen = (Block((row(Cell("failed", "red")),)),)
    assert "\x1b[" not in paint(screen)
    assert "\x1b[31m" in paint(screen, colour=True)


def test_smoke_shows_what_passed_only_when_asked() -> None:
    assert "versions" not in paint(smoke_screen(outcomes.smoke()))
    assert "versions" in paint(smoke_screen(outcomes.smoke(), every=True))


def test_models_say_null_for_what_was_not_recorded() -> None:
    project = replace(outcomes.mesh(), models=plans.WEIGHTS)
    sites = models_json([project])["sites"]
    assert (sites[0]["file"], sites[0]["line"]) == ("nodes.py", 227)
    assert [s["category"] for s in sites] == ["facebook", "mesh", "checkpoints"]
    assert [s["decided"] for s in sites] == [True, True, False]
    assert {s["reach"] for s in sites} == {None}
