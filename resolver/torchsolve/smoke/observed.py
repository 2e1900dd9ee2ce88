"""``observed.json``: what a smoke test saw, beside the plan and outside every digest."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from torchsolve.model.outcome import SmokeReport

OBSERVED = "observed.json"


def write_observed(
    directory: Path, report: SmokeReport, *, image_id: str, lock: str, gpu: bool
) -> Path:
    """The report as ``torchsolve.smoke/1`` with what it was taken on; replaced whole.

    Args:
        image_id: ``sha256:…`` of the image.
        lock: sha256 of pylock.toml.
        gpu: whether one was there.

    Raises OSError.
    """
    document = {
        "schema": "torchsolve.smoke/1",
        "status": report.status,
        "image": report.image,
        "image_id": image_id,
        "lock_sha256": lock,
        "gpu": gpu,
        "checks": [asdict(check) for check in report.checks],
        "diagnosis": [asdict(diagnosis) for diagnosis in report.diagnosis],
    }
    path = directory / OBSERVED
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
    return path
