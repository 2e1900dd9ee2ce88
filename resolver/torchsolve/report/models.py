"""``scan``: where a project loads its models from; ``torchsolve.models/1``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from torchsolve.model.project import ModelFile, ProjectFacts
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import counted

_OPEN = re.compile(r"[{<*]")


def models_json(projects: Iterable[ProjectFacts]) -> dict[str, Any]:
    """``torchsolve.models/1``; what was not recorded is null."""
    sites = [_site(model) for project in projects for model in project.models]
    return {"schema": "torchsolve.models/1", "sites": sites}


def models_screen(projects: Iterable[ProjectFacts]) -> Screen:
    """A row a model: where it lies, where it comes from, which line loads it."""
    return tuple(_block(project) for project in projects)


def _block(project: ProjectFacts) -> Block:
    rows = tuple(
        row(
            model.path,
            model.repo or model.url or "no source is known",
            model.mechanism,
            Cell(_gate(model), "yellow"),
            model.site,
        )
        for model in project.models
    )
    return Block(rows, f"{project.name}: {counted(len(rows), 'model')}", indent=0, gap=2)


def _gate(model: ModelFile) -> str:
    return f"gated ({model.gated})" if model.gated else ""


def _site(model: ModelFile) -> dict[str, Any]:
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
