"""Verdicts and floors of wheels as the reports on them spell these."""

from __future__ import annotations

from typing import Any

from torchsolve.facts import load_facts
from torchsolve.model.binary import Judgement
from torchsolve.model.version import dotted_key


def judgement_json(judgement: Judgement) -> dict[str, Any]:
    """A verdict, by what, and what is missing."""
    return {
        "verdict": judgement.verdict,
        "by": judgement.cause.value if judgement.cause else None,
        "missing": list(judgement.missing),
        "reason": judgement.reason,
    }


def carrying(glibc: str | None, glibcxx: str | None) -> tuple[str, ...]:
    """Operating systems whose glibc and libstdc++ are new enough, as ``matrices/`` knows them."""
    return tuple(
        row.name
        for row in load_facts().images.systems
        if _at_least(row.glibc, glibc) and _at_least(row.libstdcxx, glibcxx)
    )


def _at_least(has: str | None, needs: str | None) -> bool:
    return needs is None or (has is not None and dotted_key(has) >= dotted_key(needs))
