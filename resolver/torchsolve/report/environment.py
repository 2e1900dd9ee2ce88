"""``inspect --env``: what is installed, held against its torch, its RECORDs and itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchsolve.inspection import EnvironmentFindings, WheelFindings
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import counted

_COLOURS = {"loads": "green", "links": "yellow", "refuted": "red", "unknown": "yellow"}
_ORDER = ("refuted", "unknown", "links", "loads")
_MOST = 20


def environment_json(found: EnvironmentFindings) -> dict[str, Any]:
    """What belongs to no single distribution."""
    return {
        "prefix": str(found.environment.prefix),
        "python": found.environment.python,
        "site_packages": list(map(str, found.environment.sites)),
        "torch": found.torch,
        "unjudged": found.unjudged,
        "distributions": found.distributions,
        "unmet": [
            {"distribution": name, "requires": wanted, "installed": has}
            for name, wanted, has in found.unmet
        ],
        "altered": [{"distribution": name, "file": line} for name, line in found.altered],
        "notes": list(found.notes),
    }


def environment_screen(found: EnvironmentFindings) -> Screen:
    """The environment, its compiled distributions, the worst first, and what is wrong beside."""
    where = found.environment
    head = (
        row("python", where.python or "not known"),
        *(row("packages", str(site)) for site in where.sites),
        row("torch", found.torch or "none"),
        row("has", f"{counted(found.distributions, 'distribution')}, {len(found.wheels)} compiled"),
    )
    title = row(Cell(str(where.prefix), "bold"), "installed, read from its files")
    blocks = [Block((title,), indent=0), Block(head)]
    if found.unjudged and any(wheel.here is None for wheel in found.wheels):
        blocks.append(Block((row(Cell("not judged", "yellow"), found.unjudged),)))
    ordered = sorted(found.wheels, key=_rank)
    blocks.append(Block(tuple(map(_line, ordered)), "compiled distributions"))
    for heading, lines in (
        ("requirements that are not met", list(_unmet(found))),
        ("files that are not as RECORD has them", [row(n, line) for n, line in found.altered]),
        ("could not be read", [row(note) for note in (*found.notes, *_unread(found))]),
    ):
        if lines:
            more = len(lines) - _MOST
            rest = [row(f"and {more} more: --json")] if more > 0 else []
            blocks.append(Block((*lines[:_MOST], *rest), heading))
    return tuple(blocks)


def _rank(wheel: WheelFindings) -> tuple[int, str]:
    verdict = wheel.here.verdict if wheel.here else "unknown"
    return _ORDER.index(verdict) if verdict in _ORDER else len(_ORDER), wheel.metadata.name


def _line(wheel: WheelFindings) -> tuple[Cell, ...]:
    name = f"{wheel.metadata.name} {wheel.metadata.version}"
    if wheel.here is None:
        return row(Cell("not judged", "yellow"), name, "")
    verdict = Cell(wheel.here.verdict, _COLOURS.get(wheel.here.verdict, ""))
    return (verdict, Cell(name), Cell(wheel.here.reason))


def _unmet(found: EnvironmentFindings) -> Iterator[tuple[Cell, ...]]:
    for name, wanted, has in found.unmet:
        yield row(name, f"needs {wanted}", f"has {has}" if has else "is not installed")


def _unread(found: EnvironmentFindings) -> Iterator[str]:
    for wheel in found.wheels:
        for member, why in wheel.binary.unread if wheel.binary else ():
            yield f"{wheel.metadata.name} {wheel.metadata.version}: {member}: {why}"
