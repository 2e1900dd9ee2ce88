"""``torchsolve matrix``: every cell that the filters leave."""

from __future__ import annotations

from torchsolve.cli.console import View, print_json, print_text
from torchsolve.cli.options import Projects, takes_settings
from torchsolve.config import Settings
from torchsolve.facts import facts


@takes_settings("md", "csv")
def matrix(projects: Projects, settings: Settings, view: View) -> None:
    """Solve each cell of image, CUDA, Python and torch."""
    from torchsolve.pipeline import matrix as solve
    from torchsolve.report.matrix import matrix_csv, matrix_markdown, matrix_screen
    from torchsolve.report.plan_json import matrix_json

    with view.progress() as progress:
        result = solve(projects, settings, progress)
    view.say_indexes(result.indexes)
    if view.as_json:
        print_json(matrix_json(result, facts.oldest))
    elif view.format == "md":
        print_text(matrix_markdown(result))
    elif view.format == "csv":
        print_text(matrix_csv(result))
    else:
        view.show(matrix_screen(result))
