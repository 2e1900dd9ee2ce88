"""``torchsolve resolve``: project → plan, and with ``-o`` its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchsolve.cli.console import View
from torchsolve.cli.options import Projects, takes_settings
from torchsolve.cli.solved import solved
from torchsolve.config import Settings

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="write all files here", show_default=False),
]


@takes_settings(pins=True)
def resolve(projects: Projects, settings: Settings, view: View, output: Output = None) -> None:
    """Find a set of versions and an image that work together."""
    code = solved(projects, settings, view, output)
    if code:
        raise typer.Exit(code)
