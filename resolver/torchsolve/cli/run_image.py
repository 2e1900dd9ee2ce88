"""``torchsolve build`` and ``torchsolve smoke``: the image of a plan, made and tried."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchsolve.cli.console import View
from torchsolve.cli.options import takes_view

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder of the plan")]


@takes_view()
def build(directory: Folder, view: View) -> None:
    """Build the image of a plan."""


@takes_view()
def smoke(directory: Folder, view: View) -> None:
    """Test the built image."""
