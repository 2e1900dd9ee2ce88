"""``build``: what came of it."""

from __future__ import annotations

from typing import Any

from torchsolve.build.run import BuildResult
from torchsolve.report.screen import Block, Cell, Screen, row


def build_json(result: BuildResult) -> dict[str, Any]:
    """``torchsolve.build/1``."""
    return {
        "schema": "torchsolve.build/1",
        "status": result.status,
        "image": result.image,
        "image_id": result.image_id,
        "log": str(result.log_path),
        "diagnosis": [
            {"reference": d.reference, "cause": d.cause, "fix": d.fix} for d in result.diagnosis
        ],
    }


def build_screen(result: BuildResult) -> Screen:
    """The image and its log, then what the log shows although the build went through."""
    rows = (row("image", Cell(result.image, "bold")), row("id", result.image_id))
    causes = tuple(row(d.reference, d.cause, d.fix) for d in result.diagnosis)
    return (
        Block((*rows, row("log", str(result.log_path))), indent=0, gap=2),
        Block(causes, "The log shows" if causes else ""),
    )
