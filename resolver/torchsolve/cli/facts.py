"""``torchsolve facts``: show and check what is in ``matrices/``; ``--version --json``."""

from __future__ import annotations

import platform
from datetime import date
from typing import Annotated, Any

import typer

from torchsolve import __version__
from torchsolve.cli.console import View, print_json
from torchsolve.cli.options import takes_view
from torchsolve.errors import CheckError
from torchsolve.report.screen import Block, row

app = typer.Typer(help="Show and check the compatibility facts.", rich_markup_mode="rich")


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


def oldest_fact() -> date | None:
    """When the oldest table that this run has read was last checked."""
    from torchsolve.facts import load_facts

    return min((table.checked for table in load_facts().read.values()), default=None)
