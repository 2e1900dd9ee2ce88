"""``torchsolve image``: what a base image holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_view
from torchsolve.files import replace_file

app = typer.Typer(help="What a base image holds.", rich_markup_mode="rich")
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="write the inventory here for --base"),
]


@app.command()
@takes_view()
def inspect(
    ref: Annotated[str, typer.Argument(metavar="IMAGE", show_default=False)],
    view: View,
    output: Output = None,
) -> None:
    """Take an image's inventory by running one probe in it."""
    import json

    from torchsolve.build.docker import DockerEngine
    from torchsolve.image.inspect import inspect as probe
    from torchsolve.image.inventory import dump
    from torchsolve.report.image import inventory_screen

    inventory = probe(ref, DockerEngine())
    if output is not None:
        replace_file(output, dump(inventory))
    if view.as_json:
        print_json(json.loads(dump(inventory)))
    else:
        view.show(inventory_screen(inventory))
