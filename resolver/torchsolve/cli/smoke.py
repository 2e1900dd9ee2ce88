"""``torchsolve smoke``: the built image, tried."""

from __future__ import annotations

from torchsolve.cli.build import Folder
from torchsolve.cli.console import View
from torchsolve.cli.options import takes_view


@takes_view()
def smoke(directory: Folder, view: View) -> None:
    """Test the built image."""
