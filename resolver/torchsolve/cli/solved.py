"""What ``resolve`` does once its command line is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchsolve.cli.console import View, print_json
from torchsolve.cli.failures import fail
from torchsolve.cli.recording import allow
from torchsolve.config import Settings
from torchsolve.errors import TorchsolveError
from torchsolve.facts import facts
from torchsolve.files import replace_file
from torchsolve.model.values import replace

if TYPE_CHECKING:
    from torchsolve.model.outcome import Resolution


def solved(projects: Sequence[str], settings: Settings, view: View, output: Path | None) -> int:
    """Solve, show, write what was asked for; the exit code. Raises TorchsolveError."""
    from torchsolve.pipeline import resolve as solve
    from torchsolve.pipeline import write_plan
    from torchsolve.report.failure import resolution_error
    from torchsolve.report.text import resolution_screen

    allow(settings, output)
    settings = _keeping(settings, output)
    with view.progress() as progress:
        resolution = solve(projects, settings, progress, links=output is not None)
    view.say_indexes(resolution.indexes)
    error = resolution_error(resolution, allow_unknown=settings.allow_unknown)
    if not view.as_json:
        view.show(resolution_screen(resolution, facts.oldest))
    written: tuple[str, ...] = ()
    if resolution.plan and output and (error is None or settings.allow_unknown):
        try:
            written = write_plan(resolution, settings, output)
        except TorchsolveError as refused:
            error = refused
    if resolution.plan and settings.pins:
        from torchsolve.report.pins import pins_text

        replace_file(settings.pins, pins_text(resolution.plan).encode())
    document = _document(resolution) if view.as_json else None
    if error is not None:
        return fail(error, view, document)
    if document is not None:
        print_json(document)
    elif output:
        view.say("")
        view.say(_written(output, written))
        view.say(f"next        torchsolve build {output} && torchsolve smoke {output}")
    return 0


def _document(resolution: Resolution) -> dict[str, Any]:
    from torchsolve.report.plan_json import resolution_json

    return resolution_json(resolution, facts.oldest)


def _keeping(settings: Settings, output: Path | None) -> Settings:
    """The lock that is there already is kept where it holds, unless another one was named."""
    there = output / "pylock.toml" if output is not None else None
    if settings.lock is not None or there is None or not there.is_file():
        return settings
    return replace(settings, lock=there)


def _written(output: Path, names: tuple[str, ...]) -> str:
    shown = dict.fromkeys(name.split("/")[0] + ("/" if "/" in name else "") for name in names)
    return f"wrote {output}/  {' '.join(shown)}"
