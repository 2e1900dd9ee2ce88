"""``torchsolve emit``: the files again, from the lock alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_view
from torchsolve.errors import StaleError, UsageError

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="folder of the plan")]
Check = Annotated[bool, typer.Option("--check", help="write nothing; fail where files are stale")]


@takes_view()
def emit(directory: Folder, view: View, check: Check = False) -> None:
    """Write the files of a plan again from its lock, or check that they are fresh."""
    lock = lock_of(directory)
    from torchsolve.emit import check as fresh
    from torchsolve.emit.files import render
    from torchsolve.emit.lock import options_from_lock, plan_from_lock
    from torchsolve.emit.write import write

    if check:
        _refuse_stale(fresh.check(directory), directory, view)
        return
    files = render(plan_from_lock(lock), options_from_lock(lock))
    write(files, directory)
    if view.as_json:
        print_json({"schema": "torchsolve.files/1", "files": sorted(files)})
    else:
        view.say(f"wrote {directory}/  {' '.join(sorted(files))}")


def lock_of(directory: Path) -> Path:
    """The lock in a plan's folder. Raises UsageError ``no-lock``."""
    lock = directory / "pylock.toml"
    if not lock.is_file():
        hint = f"torchsolve resolve PROJECT -o {directory}"
        raise UsageError("no-lock", "there is no pylock.toml", origin=str(directory), hint=hint)
    return lock


def _refuse_stale(diff: str, directory: Path, view: View) -> None:
    if not diff:
        if view.as_json:
            print_json({"schema": "torchsolve.files/1", "stale": False})
        return
    if not view.as_json:
        sys.stdout.write(diff)
    hint = f"torchsolve emit {directory}"
    raise StaleError(
        "stale-files",
        "files differ from what the lock says",
        origin=str(directory),
        hint=hint,
        facts=tuple(diff.splitlines()) if view.as_json else (),
    )
