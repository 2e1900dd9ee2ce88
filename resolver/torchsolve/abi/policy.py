"""Policies that a wheel can be held to: nothing of torch but the stable ABI; nothing of Python but
the limited API."""

from __future__ import annotations

from collections.abc import Iterator

from torchsolve.abi.demangle import demangle
from torchsolve.abi.survey import FileSurvey, Survey


def breaches(policy: str, subject: str, found: Survey) -> Iterator[str]:
    """A line for each file that breaks ``torch-stable`` or ``abi3``, with what breaks it."""
    rule = {"torch-stable": _unstable, "abi3": _unlimited}[policy]
    for file in found.files:
        why = rule(file)
        if why:
            yield f"{subject} → {why} [{file.file.member}]"


def _unstable(found: FileSurvey) -> str:
    kept = found.stable
    if kept is None or kept.stable:
        return ""
    if not kept.unstable:
        return "uses torch without a shim of the stable ABI"
    more = f" and {len(kept.unstable) - 1} more" if len(kept.unstable) > 1 else ""
    return f"uses {demangle(kept.unstable[0])}{more}"


def _unlimited(found: FileSurvey) -> str:
    python = found.file.python
    return "" if python in (None, "abi3") else f"is an extension of {python} alone"
