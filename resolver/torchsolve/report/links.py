"""The link check of a plan: lines for a person, rows for a program."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from torchsolve.model.link import Links
from torchsolve.model.plan import Layer, Plan
from torchsolve.report.screen import Block, row


def unknown_libraries(plan: Plan) -> list[str]:
    """Libraries that the image's system would have to bring, and nobody knows by which package."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for package in plan.system_packages:
        if not package.name:
            groups[package.needed_by].append(str(package.soname))
    return [
        f"{' '.join(sonames)} for {' '.join(wheels)}: no {plan.image.os} package is known"
        for wheels, sonames in groups.items()
    ]


def broken_wheels(plan: Plan) -> str:
    """What is to be read beside the verdict, which speaks of torch-coupled wheels; or nothing."""
    names = plan.links.broken if plan.links is not None else ()
    return f"; not all of it opens in the image: {' '.join(names)}" if names else ""


def link_block(plan: Plan) -> Block:
    """What the dynamic linker will stumble over, a line for each kind and set of wheels."""
    if plan.links is None:
        return Block(())
    own = frozenset(pin.name for pin in plan.pins if pin.layer is Layer.PROJECT)
    # Imported late, with ctypes: most plans have nothing to tell.
    from torchsolve.abi.demangle import demangle

    rows = [row(" ".join(wheels), text) for wheels, text in plan.links.told(own, demangle)]
    return Block(tuple(rows), "How libraries will find each other" if rows else "")


def links_json(links: Links | None) -> dict[str, Any] | None:
    """The ``links`` object of a plan."""
    if links is None:
        return None
    return {
        "wheels": list(links.wheels),
        "files": links.files,
        "broken": list(links.broken),
        "unread": [{"name": name, "why": why} for name, why in links.unread],
        "issues": [
            {
                "kind": issue.kind.value,
                "subject": issue.subject,
                "wheels": list(issue.wheels),
                "members": list(issue.members),
                "detail": issue.detail,
                "reached": issue.reached,
                "by": issue.by or None,
            }
            for issue in links.issues
        ],
        "system": [
            {"soname": need.soname, "wheels": list(need.wheels), "reached": need.reached}
            for need in links.system
        ],
    }
