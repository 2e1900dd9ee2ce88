"""``matrix`` as text, Markdown and CSV; the JSON is in ``plan_json``."""

from __future__ import annotations

import csv
import io

from torchsolve.model.evidence import Evidence, Ledger
from torchsolve.model.outcome import Matrix
from torchsolve.model.plan import CellOutcome, CellStatus
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import VERDICT_STYLE, counted

_SHOWN = ("torchvision", "torchaudio", "xformers")
_HEAD = ("cell", "result", *_SHOWN, "runs on", "because")


def matrix_screen(matrix: Matrix) -> Screen:
    """A row a cell, the facts behind those that fail, and how many there are of each kind."""
    book = Ledger()
    rows = [row(*(Cell(head, "dim") for head in _HEAD))]
    for outcome in matrix.cells:
        texts = _texts(outcome, book)
        rows.append(row(texts[0], Cell(texts[1], VERDICT_STYLE.get(texts[1], "")), *texts[2:]))
    facts = tuple(row(key, redact(str(fact))) for key, fact in book.items())
    return (
        Block(tuple(rows), indent=0, gap=2),
        Block(facts, indent=0, gap=2),
        Block((row(summary(matrix)),), indent=0),
    )


def matrix_markdown(matrix: Matrix) -> str:
    """A GitHub table and its facts; no text can break it."""
    book = Ledger()
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + " --- |" * len(_HEAD)]
    lines += ["| " + " | ".join(map(_escape, _texts(cell, book))) + " |" for cell in matrix.cells]
    facts = [f"- {key}: {_escape(redact(str(fact)))}" for key, fact in book.items()]
    return "\n".join([*lines, "", *facts, *([""] if facts else []), summary(matrix), ""])


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
                "; ".join(redact(str(fact)) for fact in _because(outcome)),
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


def _because(outcome: CellOutcome) -> tuple[Evidence, ...]:
    return outcome.because or (outcome.conflict.facts if outcome.conflict else ())


def _texts(outcome: CellOutcome, book: Ledger) -> tuple[str, ...]:
    plan, solved = outcome.plan, outcome.status is CellStatus.SOLVED
    result = plan.verdict.value if plan and solved else outcome.status.value
    pins = {pin.name: pin.version for pin in plan.pins} if plan else {}
    versions = (pins.get(name, "-").partition("+")[0] for name in _SHOWN)
    gpu = " ".join(plan.gpu.native) if plan else ""
    because = "" if solved else " ".join(book.id(fact) for fact in _because(outcome))
    return (str(outcome.cell), result, *versions, gpu or "-", because)


def _escape(text: str) -> str:
    for character in "\\|<*_`[":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")
