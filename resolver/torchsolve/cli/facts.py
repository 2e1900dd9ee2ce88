"""``torchsolve facts``: show and check what is in ``matrices/``; ``--version --json``."""

from __future__ import annotations

import platform
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from torchsolve import __version__
from torchsolve.cli.console import View, print_json, print_text
from torchsolve.cli.options import takes_settings, takes_view
from torchsolve.config import Settings
from torchsolve.errors import CheckError, UsageError
from torchsolve.files import replace_file
from torchsolve.report.screen import Block, row


class Table(Enum):
    """The tables that can be extended."""

    TORCH = "torch"
    XFORMERS = "xformers"
    COMPANIONS = "companions"
    COMFYUI = "comfyui"


app = typer.Typer(help="Show, check and extend the compatibility facts.", rich_markup_mode="rich")


@app.command()
@takes_view()
def check(view: View) -> None:
    """Look for orphans, duplicates and contradictions between the tables."""
    from torchsolve.facts import load_facts
    from torchsolve.facts.check import check as problems

    found = problems(load_facts())
    if found:
        raise CheckError("facts-contradict", "the tables are not sound", facts=tuple(found))
    if view.as_json:
        print_json({"schema": "torchsolve.facts/1", "problems": []})
    else:
        view.show((Block((row("the tables are sound"),), indent=0),))


@app.command()
@takes_view()
def show(
    table: Annotated[str, typer.Argument(metavar="TABLE", show_default=False)],
    view: View,
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", show_default=False)] = None,
) -> None:
    """Show rows of a table: torch 2.7.0, gpus RTX5090, images, companions."""
    from torchsolve.facts.show import show as rows_of
    from torchsolve.report.facts import facts_json, facts_screen

    rows = rows_of(table, key)
    if view.as_json:
        print_json(facts_json(table, rows))
    else:
        view.show(facts_screen(table, rows))


@app.command()
@takes_settings(problem=False)
def extend(
    table: Annotated[
        Table,
        typer.Argument(metavar="torch|xformers|companions|comfyui", show_default=False),
    ],
    settings: Settings,
    view: View,
    checkout: Annotated[
        Path | None,
        typer.Argument(metavar="[CHECKOUT]", help="comfyui: a clone of it", show_default=False),
    ] = None,
    matrices: Annotated[
        Path | None,
        typer.Option("--matrices", metavar="DIR", help="instead of the checkout's own"),
    ] = None,
    index: Annotated[
        str | None, typer.Option("--index", metavar="URL", help="instead of the default index")
    ] = None,
    *,
    diff: Annotated[
        bool, typer.Option("--diff", help="show what would change, and write nothing")
    ] = False,
) -> None:
    """Write the rows of a table for releases that are newer than it, read from their wheels."""
    from torchsolve.cli.facts_extend import extended
    from torchsolve.extend.rows import diff as difference
    from torchsolve.report.text import counted

    folder = matrices or _writable()
    path = folder / f"{table.value}.toml"
    before, after, rows = extended(table.value, folder, settings, view, index, checkout)
    if not diff and after != before:
        replace_file(path, after.encode())
    if view.as_json:
        print_json({"schema": "torchsolve.facts/1", "table": table.value, "rows": rows})
    elif diff:
        print_text(difference(table.value, before, after))
    else:
        done = f"{path}: {counted(len(rows), 'new row')}" if rows else f"{path} has all"
        view.show((Block((row(done),), indent=0),))


def _writable() -> Path:
    """The tables of a checkout. Raises UsageError ``installed-tables`` for those of a wheel."""
    from torchsolve.resources import share

    folder = share("matrices")
    if (folder.parent / "pyproject.toml").is_file():
        return folder
    hint = "torchsolve facts extend TABLE --matrices DIR, with DIR a checkout's matrices/"
    message = "these tables came with an installed torchsolve and are not written"
    raise UsageError("installed-tables", message, origin=str(folder), hint=hint)


def version_json() -> dict[str, Any]:
    """``--version --json``: of torchsolve, its interpreter, and how old its facts are."""
    from torchsolve.facts.table import read_table
    from torchsolve.resources import share

    folder = share("matrices")
    names = sorted(path.stem for path in folder.glob("*.toml"))
    return {
        "schema": "torchsolve.version/1",
        "torchsolve": __version__,
        "python": platform.python_version(),
        "matrices": {name: str(read_table(folder, name).checked) for name in names},
        "atlas": _atlas_age(),
    }


def _atlas_age() -> dict[str, Any]:
    """The newest release that the atlas knows, and the day that its wheel was uploaded."""
    from torchsolve.abi.atlas import load_atlas

    builds = load_atlas().builds
    newest = max((build.uploaded or "" for build in builds), default="")
    releases = load_atlas().releases
    return {
        "builds": len(builds),
        "newest": str(releases[-1]) if releases else None,
        "uploaded": newest or None,
    }
