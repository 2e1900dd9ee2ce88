"""Small pieces of reports: what must never be shown, and what must never be lost."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import outcomes, plans
from torchsolve.errors import UsageError
from torchsolve.model.install import InstallStep, InstallTarget, Phase, Scripted, StepKind
from torchsolve.model.plan import CellStatus
from torchsolve.report.failure import error_screen, resolution_error
from torchsolve.report.models import models_json
from torchsolve.report.pins import pins_text
from torchsolve.report.plan_json import error_json, resolution_json
from torchsolve.report.redact import redact
from torchsolve.report.screen import UNBOUNDED, Block, Cell, paint, row
from torchsolve.report.smoke import smoke_screen
from torchsolve.report.text import resolution_screen


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


def test_long_texts_are_searched_once() -> None:
    started = time.process_time()
    assert redact("d" * 300_000 + "://u:p@host/") == "d" * 300_000 + "://***@host/"
    assert time.process_time() - started < 1


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


def test_what_scripts_do_is_shown_without_a_plan_too() -> None:
    class Scripts:
        def read(self, target: InstallTarget) -> Scripted:
            what = f"spconv-{target.cuda}"
            return Scripted((InstallStep(StepKind.PIP, Phase.INSTALL, what, "install.py:3"),))

    found = outcomes.infeasible()
    found = replace(found, projects=(replace(outcomes.mesh(), installer=Scripts()),))
    (project,) = resolution_json(found)["projects"]
    what = f"spconv-{found.tried[0].cell.cuda}"
    assert [step["what"] for step in project["install"]] == [what]
    assert f"pip {what}" in paint(resolution_screen(found))


def test_no_cell_left_by_the_filters() -> None:
    error = resolution_error(replace(outcomes.infeasible(), conflict=None, tried=()))
    assert error is not None
    assert error.reference == "no-cell"


def test_files_that_no_flag_can_write_are_not_promised() -> None:
    made = outcomes.unknown()
    assert made.plan is not None
    error = resolution_error(made)
    assert error is not None
    assert "--allow-unknown" in error.hint
    pins = tuple(
        replace(pin, file=replace(pin.file, url=None, sha256=None, index="torch"))
        if pin.name in ("torch", "torchvision")
        else pin
        for pin in made.plan.pins
    )
    error = resolution_error(replace(made, plan=replace(made.plan, pins=pins)))
    assert error is not None
    assert "--allow-unknown" not in error.hint
    assert "2 files without a hash; --torch-index default" in error.hint


def test_a_base_that_was_refused_is_told_with_the_facts() -> None:
    base = outcomes.on_base()
    (refused,) = base.tried
    conflict = replace(outcomes.conflict(), cell=str(refused.cell))
    alone = replace(outcomes.solved(), conflict=conflict, tried=(refused, *outcomes.solved().tried))
    text = paint(resolution_screen(alone))
    assert f"Not layered on {refused.image.ref}: no-common-torch" in text
    assert "needs torch==2.7.* [METADATA of wheelx-1.0]" in text
    assert "Not layered" not in paint(resolution_screen(outcomes.solved()))


def test_a_version_that_is_the_commit_is_shown_once() -> None:
    made = outcomes.solved()
    assert made.plan is not None
    assert made.plan.comfyui is not None
    assert f" @ {plans.COMMIT[:7]}" in paint(resolution_screen(made))
    short = replace(made.plan.comfyui, version=plans.COMMIT[:7], commit=plans.COMMIT)
    shown = replace(made, projects=(), plan=replace(made.plan, comfyui=short))
    assert paint(resolution_screen(shown)).count(plans.COMMIT[:7]) == 1


def test_a_node_without_any_comfyui_says_so() -> None:
    made = outcomes.solved()
    assert made.plan is not None
    bare = replace(made, plan=replace(made.plan, comfyui=None))
    assert "no ComfyUI" in paint(resolution_screen(bare))
    assert "no ComfyUI" not in paint(resolution_screen(outcomes.on_base()))


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


TEXTS = st.text(alphabet="ab·→…[]\x1b漢", min_size=1, max_size=8)
BLOCKS = st.builds(
    Block,
    rows=st.lists(st.lists(TEXTS, min_size=1, max_size=4).map(lambda t: row(*t)), min_size=1).map(
        tuple
    ),
    heading=st.sampled_from(["", "head [x]"]),
    apart=st.booleans(),
)


@given(st.lists(BLOCKS, max_size=3))
@settings(max_examples=40, deadline=None)
def test_plain_text_is_what_rich_would_paint(blocks: list[Block]) -> None:
    # One column more than a pipe has: rich paints it.
    assert paint(blocks) == paint(blocks, width=UNBOUNDED + 1)
