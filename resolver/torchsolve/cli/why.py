"""``torchsolve why``: the facts behind a version, or behind a cell that fails."""

from __future__ import annotations

from typing import Annotated

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_settings
from torchsolve.config import Settings
from torchsolve.facts import facts

Project = Annotated[str, typer.Argument(metavar="PROJECT", show_default=False)]
Package = Annotated[
    str | None,
    typer.Argument(metavar="[PACKAGE]", help="whose version to explain", show_default=False),
]


@takes_settings()
def why(project: Project, settings: Settings, view: View, package: Package = None) -> None:
    """Explain why a cell fails, or why a package has its version."""
    from torchsolve.pipeline import resolve
    from torchsolve.report.plan_json import resolution_json
    from torchsolve.report.why import why_screen

    with view.progress() as progress:
        resolution = resolve((project,), settings, progress)
    if view.as_json:
        print_json(resolution_json(resolution, facts.oldest))
    else:
        view.show(why_screen(resolution, package))
