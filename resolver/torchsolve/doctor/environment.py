"""An installed environment, explained from its files: nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torchsolve.doctor.findings import Examined, Finding
from torchsolve.inspection import EnvironmentFindings, inspect_environment

_REBUILD = "take the release of it that was built for this torch, or solve anew: torchsolve resolve"


def examine_environment(target: Path) -> Examined:
    """Wheels that do not load on this torch, unmet requirements, damaged files.

    Raises UsageError ``no-such-environment``.
    """
    found = inspect_environment(target)
    torch = found.torch or "none"
    facts = (
        ("python", found.environment.python or "not known"),
        ("torch", torch),
        ("holds", f"{found.distributions} distributions, {len(found.wheels)} of them compiled"),
    )
    notes = (*found.notes, *((found.unjudged,) if found.torch and found.unjudged else ()))
    findings = (*_wheels(found, torch), *unmet(found.unmet), *_altered(found))
    return Examined("environment", str(target), facts, findings, notes=notes)


def unmet(rows: tuple[tuple[str, str, str | None], ...]) -> Iterator[Finding]:
    """``(who, what it needs, what there is)`` as findings."""
    for who, wanted, has in rows:
        cause = f"{wanted} is needed, {has} is installed" if has else f"{wanted} is not installed"
        fix = f'pip install "{wanted}", constrained to the torch that is there'
        yield Finding("requirement-not-met", who, wanted, cause, fix)


def _wheels(found: EnvironmentFindings, torch: str) -> Iterator[Finding]:
    for wheel in found.wheels:
        who = f"{wheel.metadata.name} {wheel.metadata.version}"
        if wheel.here is not None and wheel.here.verdict == "refuted":
            cause = f"it does not load beside torch {torch}"
            yield Finding("wheel-does-not-load", who, wheel.here.reason, cause, _REBUILD)


def _altered(found: EnvironmentFindings) -> Iterator[Finding]:
    for who, line in found.altered:
        fix = f"pip install --force-reinstall --no-deps {who.replace(' ', '==')}"
        cause = "a file is not the one that was installed: an install was cut off, or two"
        yield Finding("files-altered", who, line, f"{cause} distributions write it", fix)
