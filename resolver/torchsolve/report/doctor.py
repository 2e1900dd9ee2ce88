"""``doctor``: what is wrong, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from torchsolve.doctor.findings import Examined, Finding
from torchsolve.report.redact import redact
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import counted


def doctor_json(found: Iterable[Examined]) -> dict[str, Any]:
    """``torchsolve.doctor/1``."""
    return {"schema": "torchsolve.doctor/1", "subjects": [_subject(one) for one in found]}


def _subject(found: Examined) -> dict[str, Any]:
    findings = [asdict(finding) | {"text": redact(finding.text)} for finding in found.findings]
    return {
        "kind": found.kind,
        "name": found.name,
        "facts": dict(found.facts),
        "findings": findings,
        "unexplained": [{"where": w, "text": redact(text)} for w, text in found.unexplained],
        "notes": list(found.notes),
    }


def doctor_screen(found: Iterable[Examined]) -> Screen:
    """Each subject: its facts, then one block a finding."""
    return tuple(block for one in found for block in _blocks(one))


def _blocks(found: Examined) -> Iterator[Block]:
    yield Block((row(Cell(found.name, "bold"), _summary(found)),), indent=0)
    yield Block(tuple(row(*fact) for fact in found.facts), apart=False)
    for finding in found.findings:
        yield _finding(finding)
    if found.unexplained:
        lines = tuple(row(where, redact(text)) for where, text in found.unexplained)
        yield Block(lines, "Nothing here explains")
    if found.notes:
        yield Block(tuple(row(note) for note in found.notes), "Could not be looked at")


def _finding(finding: Finding) -> Block:
    lines = (
        row(finding.where, redact(finding.text)),
        row("cause", finding.cause),
        *(row("", detail) for detail in finding.details),
        row("do", finding.fix),
    )
    return Block(lines, finding.reference)


def _summary(found: Examined) -> str:
    wrong = counted(len(found.findings), "finding")
    more = f", {counted(len(found.unexplained), 'complaint')} unexplained"
    if not found.findings and not found.unexplained:
        return f"{found.kind}: nothing wrong was found"
    return f"{found.kind}: {wrong}{more if found.unexplained else ''}"
