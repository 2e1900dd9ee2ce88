"""``torchsolve emit``: the files again, from the lock alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from torchsolve.cli.console import View, print_json, print_text
from torchsolve.cli.options import takes_view
from torchsolve.errors import StaleError

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder of the plan")]
Check = Annotated[bool, typer.Option("--check", help="write nothing; fail where files are stale")]


@takes_view()
def emit(directory: Folder, view: View, check: Check = False) -> None:
    """Write the files of a plan again from its lock, or check that they are fresh."""
    from torchsolve.emit import check as fresh
    from torchsolve.emit.context import context_files
    from torchsolve.emit.files import render
    from torchsolve.emit.lock import read_lock
    from torchsolve.emit.write import write

    if check:
        _refuse_stale(fresh.check(directory), directory, view)
        return
    plan, options = read_lock(directory / "pylock.toml")
    written = write(render(plan, options) | context_files(plan, options), directory)
    if view.as_json:
        print_json({"schema": "torchsolve.files/1", "files": list(written)})
    else:
        view.say(f"wrote {directory}/  {' '.join(written)}")


def _refuse_stale(diff: str, directory: Path, view: View) -> None:
    if not diff:
        if view.as_json:
            print_json({"schema": "torchsolve.files/1", "stale": False})
        return
    if not view.as_json:
        print_text(diff)
    hint = f"torchsolve emit {directory}"
    raise StaleError(
        "stale-files",
        "files differ from what the lock says",
        origin=str(directory),
        hint=hint,
        facts=tuple(diff.splitlines()) if view.as_json else (),
    )
