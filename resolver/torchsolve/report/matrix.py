"""``matrix`` as text, Markdown and CSV; the JSON is in ``plan_json``."""

from __future__ import annotations

import csv
import io

from torchsolve.model.outcome import Matrix
from torchsolve.model.plan import CellOutcome, CellStatus
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import VERDICT_STYLE, counted

_SHOWN = ("torchvision", "torchaudio", "xformers")
_HEAD = ("cell", "image", "result", *_SHOWN, "runs on", "because")


def matrix_screen(matrix: Matrix) -> Screen:
    """A row a cell, then how many there are of each kind."""
    rows = [row(*(Cell(head, "dim") for head in _HEAD))]
    for outcome in matrix.cells:
        texts = _texts(outcome)
        style = VERDICT_STYLE.get(texts[2], "")
        rows.append(row(*texts[:2], Cell(texts[2], style), *texts[3:]))
    return (Block(tuple(rows), indent=0, gap=2), Block((row(summary(matrix)),), indent=0))


def matrix_markdown(matrix: Matrix) -> str:
    """A GitHub table; a cell's text cannot break it."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + " --- |" * len(_HEAD)]
    lines += ["| " + " | ".join(map(_escape, _texts(cell))) + " |" for cell in matrix.cells]
    return "\n".join([*lines, "", summary(matrix), ""])


def matrix_csv(matrix: Matrix) -> str:
    """One line a cell, every pin in one column, all facts in the last."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = ("cell", "python", "cuda", "torch", "image", "status", "verdict")
    writer.writerow((*columns, "pins", "gpu", "because"))
    for outcome in matrix.cells:
        cell, plan = outcome.cell, outcome.plan
        pins = " ".join(f"{pin.name}=={pin.version}" for pin in plan.pins) if plan else ""
        writer.writerow(
            (
                str(cell),
                str(cell.python),
                str(cell.cuda),
                cell.torch.public if cell.torch else "",
                outcome.image.ref,
                outcome.status.value,
                plan.verdict.value if plan else "",
                pins,
                " ".join(plan.gpu.native) if plan else "",
                "; ".join(_because(outcome)),
            )
        )
    return out.getvalue()


def summary(matrix: Matrix) -> str:
    """``60 cells: 41 solved, 17 infeasible, 2 unknown``."""
    counts = {
        status: sum(outcome.status is status for outcome in matrix.cells) for status in CellStatus
    }
    parts = ", ".join(f"{number} {status.value}" for status, number in counts.items() if number)
    return f"{counted(len(matrix.cells), 'cell')}: {parts or 'the filters leave none'}"


def _because(outcome: CellOutcome) -> tuple[str, ...]:
    facts = outcome.because or (outcome.conflict.facts if outcome.conflict else ())
    return tuple(redact(str(fact)) for fact in facts)


def _texts(outcome: CellOutcome) -> tuple[str, ...]:
    plan = outcome.plan
    result = plan.verdict.value if plan else outcome.status.value
    if plan is None:
        versions = ["-"] * len(_SHOWN)
    else:
        pins = {pin.name: pin.version for pin in plan.pins}
        versions = [pins.get(name, "-") for name in _SHOWN]
    gpu = " ".join(plan.gpu.native) if plan else "-"
    reasons = "; ".join(_because(outcome)) if plan is None else ""
    return (str(outcome.cell), outcome.image.ref, result, *versions, gpu or "-", reasons)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
