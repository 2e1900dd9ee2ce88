"""``torchsolve scan``: where a project loads its models from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import Projects, takes_settings
from torchsolve.config import Settings
from torchsolve.errors import UnknownError
from torchsolve.model.project import ProjectFacts, ProjectKind


@takes_settings(problem=False)
def scan(
    projects: Projects,
    settings: Settings,
    view: View,
    comfyui: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="whose folders of models; else the newest known"),
    ] = None,
    extra_model_paths: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="an extra_model_paths.yaml, as it lies in the image"),
    ] = None,
    base_directory: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="what ComfyUI gets as --base-directory in the image"),
    ] = None,
) -> None:
    """Show where a node loads its models from, line by line; nothing of it is run."""
    from torchsolve.facts import load_facts
    from torchsolve.project.base_directory import below
    from torchsolve.project.load import load
    from torchsolve.project.options import ReadOptions
    from torchsolve.report.models import models_json, models_screen

    options = ReadOptions(
        cache_dir=settings.cache_dir,
        offline=settings.offline,
        comfyui_day=load_facts().comfyui.find(comfyui).day if comfyui else None,
        extra_model_paths=extra_model_paths,
    )
    read = [load(reference, options) for reference in projects]
    _refuse_unread(read)
    if base_directory is not None:
        read = [below(project, base_directory) for project in read]
    if view.as_json:
        print_json(models_json(read))
    else:
        view.show(models_screen(read))


def _refuse_unread(projects: list[ProjectFacts]) -> None:
    unread = [p.name for p in projects if p.kind not in (ProjectKind.SAMPLE, ProjectKind.NODE)]
    if unread:
        raise UnknownError(
            "source-not-read",
            "only nodes are read for model loading, and this is none",
            origin=", ".join(unread),
            hint="point at the folder or the repository of a ComfyUI node",
        )
