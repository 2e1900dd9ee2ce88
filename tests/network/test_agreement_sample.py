"""A sample of ``tests/agreement/results.tsv``, solved again beside uv on the real index."""

from __future__ import annotations

import csv
import os
import shutil
import sys
from pathlib import Path

import pytest

from bench import agreement

pytestmark = pytest.mark.network

RESULTS = Path(__file__).parent.parent / "agreement" / "results.tsv"
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
SAMPLE = (
    agreement.Run("accelerate-examples", "3.13", "ubuntu22.04"),
    agreement.Run("llama-factory", "3.11", "any"),  # two packages clash: which one gives way?
    agreement.Run("llava", "3.12", "any"),  # torch 2.1.2 has no wheel for this Python
)


def recorded(run: agreement.Run) -> tuple[str, str]:
    """The word and the number of pins that stand in the report."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return next(
        (r[3], r[4]) for r in rows if (r[0], r[1], r[2]) == (run.name, run.python, run.image)
    )


@pytest.mark.skipif(UV is None, reason="uv is not installed")
@pytest.mark.parametrize("run", SAMPLE, ids=lambda run: f"{run.name}-{run.python}")
def test_the_report_holds(
    run: agreement.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert UV is not None
    monkeypatch.setenv("PATH", f"{Path(UV).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(agreement, "CACHE", tmp_path)
    _, verdict = agreement.judge(run)
    assert (verdict.word, str(verdict.pins)) == recorded(run), verdict.detail
