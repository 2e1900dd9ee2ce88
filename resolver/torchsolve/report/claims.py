"""Claims of notes and READMEs, held against the source: a table on the screen and in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torchsolve.model.claim import Checked, Standing
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, row

STANDING_STYLE = {Standing.AGREES: "green", Standing.DIFFERS: "red", Standing.UNKNOWN: "yellow"}


def claims_block(claims: Iterable[Checked]) -> Block:
    """What differs first; what agrees is counted alone."""
    claims = tuple(claims)
    shown = [c for c in claims if c.standing is not Standing.AGREES]
    rows = [
        row(
            c.claim.origin,
            Cell(c.standing.value, STANDING_STYLE[c.standing]),
            redact(_said(c)),
            redact(f"{c.fact} [{c.fact_origin}]" if c.fact_origin else c.fact),
        )
        for c in shown
    ]
    agree = len(claims) - len(shown)
    if agree:
        rows.append(row("", Cell("agrees", "green"), f"{agree} more", ""))
    return Block(tuple(rows), "Claims held against the source" if rows else "")


def _said(checked: Checked) -> str:
    claim = checked.claim
    text = f"{claim.subject} → {claim.value}" if claim.subject else claim.value
    return f"{claim.kind.value} {text}"


def claims_list(claims: Iterable[Checked]) -> list[dict[str, Any]]:
    """All of them, for JSON."""
    return [
        {
            "kind": c.claim.kind.value,
            "claim": redact(c.claim.value),
            "subject": c.claim.subject or None,
            "origin": c.claim.origin,
            "standing": c.standing.value,
            "fact": redact(c.fact),
            "fact_origin": c.fact_origin or None,
        }
        for c in claims
    ]
