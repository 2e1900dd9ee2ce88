"""Checks that failed, explained each by its own words."""

from __future__ import annotations

from collections.abc import Iterable

from torchsolve.doctor.findings import Examined, Finding
from torchsolve.doctor.log import explain
from torchsolve.model.values import replace
from torchsolve.smoke.startup import some

_SHOWN = 3


def examine_checks(
    kind: str,
    name: str,
    failed: Iterable[tuple[str, str]],
    facts: tuple[tuple[str, str], ...] = (),
) -> Examined:
    """``failed``: (name, detail) of each; those that no row of ``matrices/`` knows stay beside."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[tuple[str, Finding]]] = {}
    unexplained: list[tuple[str, str]] = []
    for check, detail in failed:
        found = explain(detail)
        for one in found:
            key = (one.reference, one.cause, one.fix, one.details)
            groups.setdefault(key, []).append((check, one))
        if not found:
            unexplained.append((check, detail))
    findings = tuple(
        replace(group[0][1], where=some([check for check, _ in group], _SHOWN))
        for group in groups.values()
    )
    return Examined(kind, name, facts, findings, tuple(unexplained))
