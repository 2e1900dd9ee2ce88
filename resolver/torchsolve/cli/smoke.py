"""``torchsolve smoke``: the built image, tried."""

from __future__ import annotations

from typing import Annotated

import typer

from torchsolve.cli.build import Folder
from torchsolve.cli.console import View, print_json
from torchsolve.cli.failures import fail
from torchsolve.cli.options import takes_view
from torchsolve.errors import BuildError
from torchsolve.model.outcome import SmokeReport

Image = Annotated[
    str | None,
    typer.Option("--image", metavar="REF", help="instead of the plan's own", show_default=False),
]
Gpu = Annotated[bool, typer.Option("--gpu", help="give the container the host's GPUs")]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=1, help="for each of the probes")
]


@takes_view()
def smoke(
    directory: Folder,
    view: View,
    image: Image = None,
    gpu: Gpu = False,
    timeout: Timeout = 1800.0,
) -> None:
    """Test the built image; what was seen is kept in DIR/observed.json."""
    from torchsolve.report.smoke import smoke_json, smoke_screen
    from torchsolve.smoke.run import SmokeOptions
    from torchsolve.smoke.run import smoke as run

    options = SmokeOptions(image=image, gpu=gpu, timeout=timeout)
    with view.progress() as progress:
        report = run(directory, options, progress)
    document = smoke_json(report) if view.as_json else None
    if document is None:
        view.show(smoke_screen(report, every=view.verbosity > 0))
    if report.status != "passed":
        raise typer.Exit(fail(_failure(report), view, document))
    if document is not None:
        print_json(document)


def _failure(report: SmokeReport) -> BuildError:
    failed = [check for check in report.checks if check.status == "failed"]
    return BuildError(
        "smoke-failed",
        f"{len(failed)} of {len(report.checks)} checks failed",
        origin=report.image,
        facts=tuple(f"{check.name} → {check.detail}" for check in failed),
        hint="; ".join(dict.fromkeys(diagnosis.fix for diagnosis in report.diagnosis)),
    )
