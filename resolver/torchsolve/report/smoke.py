"""``smoke``: each check with its time, then what was recognized; ``torchsolve.smoke/1``."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torchsolve.model.outcome import SmokeReport
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import VERDICT_STYLE, counted


def smoke_json(report: SmokeReport) -> dict[str, Any]:
    """``torchsolve.smoke/1``."""
    return {
        "schema": "torchsolve.smoke/1",
        "status": report.status,
        "image": report.image,
        "checks": [
            {"name": c.name, "status": c.status, "detail": c.detail, "seconds": round(c.seconds, 2)}
            for c in report.checks
        ],
        "diagnosis": [
            {"reference": d.reference, "cause": d.cause, "fix": d.fix} for d in report.diagnosis
        ],
    }


def smoke_screen(report: SmokeReport, *, every: bool = False) -> Screen:
    """Checks that did not pass (``every``: all), then causes and fixes, then how many of each."""
    counts = Counter(check.status for check in report.checks)
    parts = (f"{counts[kind]} {kind}" for kind in ("passed", "failed", "skipped") if counts[kind])
    title = row(Cell(report.image, "bold"), Cell(report.status, VERDICT_STYLE[report.status]))
    rows = tuple(
        row(Cell(c.status, VERDICT_STYLE[c.status]), c.name, f"{c.seconds:.1f} s", c.detail)
        for c in report.checks
        if every or c.status != "passed"
    )
    causes = tuple(row(d.reference, d.cause, d.fix) for d in report.diagnosis)
    total = f"{counted(len(report.checks), 'check')}: {', '.join(parts)}"
    return (
        Block((title,), indent=0),
        Block(rows, gap=2),
        Block(causes, "Causes that were recognized" if causes else ""),
        Block((row(total),), indent=0),
    )
