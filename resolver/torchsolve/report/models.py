"""``scan``: where a project loads its models from; ``torchsolve.models/1``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from torchsolve.model.models import Mechanism, ModelScan, ModelSite, Reach
from torchsolve.model.project import ModelFile, ProjectFacts
from torchsolve.report.screen import Block, Cell, Row, Screen, row
from torchsolve.report.text import counted

_OPEN = re.compile(r"[{<*]")
_ASLEEP = frozenset({Reach.DEAD, Reach.VENDORED})
_WIDE = 110


def models_json(projects: Iterable[ProjectFacts]) -> dict[str, Any]:
    """``torchsolve.models/1``; what was not recorded is null."""
    known = list(projects)
    return {
        "schema": "torchsolve.models/1",
        "sites": [site for project in known for site in _sites(project)],
        "unread": [
            {"project": project.name, "file": file, "why": why}
            for project in known
            for file, why in (project.scan.unread if project.scan else ())
        ],
        "unfinished": [
            place
            for project in known
            for place in (project.scan.unfinished if project.scan else ())
        ],
    }


def models_screen(projects: Iterable[ProjectFacts]) -> Screen:
    """File by file, a row a line: where the model lies, where it comes from, what to know."""
    return tuple(block for project in projects for block in _blocks(project))


def _sites(project: ProjectFacts) -> Iterator[dict[str, Any]]:
    if project.scan is None:
        yield from map(_recorded, project.models)
    else:
        yield from (_site(site) for site in project.scan.sites)


def _site(site: ModelSite) -> dict[str, Any]:
    return {
        "file": site.file,
        "line": site.line,
        "mechanism": site.mechanism.value,
        "category": site.category,
        "repo": ";".join(site.repos) or None,
        "path": site.path,
        "decided": site.decided,
        "choice": site.choice.value,
        "reach": site.reach.value,
        "why": site.why,
        "gated": site.gated,
        "url": ";".join(site.urls) or None,
        "api": site.api,
        "paths": list(site.paths),
        "repos": list(site.repos),
        "urls": list(site.urls),
        "revision": site.revision,
        "allow_patterns": list(site.allow_patterns),
        "ignore_patterns": list(site.ignore_patterns),
        "guard": site.guard,
        "trap": site.trap,
        "risk": site.risk,
    }


def _recorded(model: ModelFile) -> dict[str, Any]:
    file, _, line = model.site.rpartition(":")
    folder = re.match(r"models/([^/{<]+)/", model.path)
    return {
        "file": file or model.site,
        "line": int(line) if line.isdigit() else None,
        "mechanism": model.mechanism,
        "category": folder[1] if folder else None,
        "repo": model.repo,
        "path": model.path,
        "decided": not _OPEN.search(model.path),
        "choice": None,
        "reach": None,
        "why": model.note,
        "gated": model.gated,
        "url": model.url,
        "size": model.size,
        "sha256": model.sha256,
        "required": model.required,
    }


def _blocks(project: ProjectFacts) -> Iterator[Block]:
    if project.scan is None:
        yield _table(project)
        return
    scan = project.scan
    live = [site for site in scan.sites if site.reach not in _ASLEEP]
    yield Block((), f"{project.name}: {_summary(scan, live)}", indent=0)
    for file, sites in groupby(live, key=lambda site: site.file):
        yield Block(tuple(_row(site) for site in sites), file, indent=0, gap=2)
    asleep = Counter(site.file for site in scan.sites if site.reach in _ASLEEP)
    rows = tuple(row(file, counted(count, "line")) for file, count in sorted(asleep.items()))
    unread = tuple(row(file, Cell(why, "yellow")) for file, why in scan.unread)
    unfinished = tuple(row(place) for place in scan.unfinished)
    below = (
        ("In files or functions that the node does not use", rows),
        ("Not read", unread),
        ("Not followed to the end: the bound of steps was met", unfinished),
    )
    yield from (Block(found, heading, indent=0) for heading, found in below if found)


def _summary(scan: ModelScan, live: list[ModelSite]) -> str:
    open_ones = sum(not site.decided for site in live)
    found = counted(len(live), "line that handles a model", "lines that handle models")
    rest = f", {open_ones} not decided" if open_ones else ""
    return f"{found}{rest} ({scan.reached} of {counted(scan.files, 'Python file')} in use)"


def _row(site: ModelSite) -> Row:
    return row(
        str(site.line),
        _mechanism(site),
        _short(site),
        _source(site),
        Cell(_remarks(site), "yellow"),
    )


def _mechanism(site: ModelSite) -> str:
    if site.mechanism in (Mechanism.LOAD, Mechanism.LIBRARY, Mechanism.FOLDER_PATHS):
        return site.api.rpartition(".")[2]
    return str(site.mechanism.value)


def _short(site: ModelSite) -> str:
    path = site.path or "?"
    if len(path) <= _WIDE or len(site.paths) < 2:
        return path if len(path) <= _WIDE else f"{path[: _WIDE - 1]}…"
    return f"{site.paths[0]} and {len(site.paths) - 1} more"


def _source(site: ModelSite) -> str:
    known = site.repos or site.urls
    if len(known) > 2:
        return f"{known[0]} and {len(known) - 1} more"
    return " or ".join(known)


def _remarks(site: ModelSite) -> str:
    gate = "gated, by hand" if site.gated == "manual" else "gated" if site.gated else ""
    reach = "" if site.reach is Reach.NODE else f"{site.reach.value}"
    parts = (site.why and f"not decided: {site.why}", gate, reach, site.trap, site.risk)
    return "; ".join(part for part in parts if part)


def _table(project: ProjectFacts) -> Block:
    rows = tuple(
        row(
            model.path,
            model.repo or model.url or "no source is known",
            model.mechanism,
            Cell(f"gated ({model.gated})" if model.gated else "", "yellow"),
            model.site,
        )
        for model in project.models
    )
    return Block(rows, f"{project.name}: {counted(len(rows), 'model')}", indent=0, gap=2)
