"""Exact output kept in ``tests/golden``; ``TORCHSOLVE_RENEW=1`` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """``text`` is what ``tests/golden/<name>`` holds, to the byte."""
    path = GOLDEN / name
    if os.environ.get("TORCHSOLVE_RENEW"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; TORCHSOLVE_RENEW=1 renews it"
