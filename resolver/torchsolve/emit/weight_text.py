"""Lines of the README on weights: re-uploads, and the source that builds a path."""

from __future__ import annotations

import textwrap

from torchsolve.emit.escape import code
from torchsolve.model.plan import Plan
from torchsolve.model.project import ModelFile


def mirror_lines(plan: Plan) -> list[str]:
    """A re-upload serves only where its bytes are the original's; else it is named, no more."""
    found = {weight.repo: weight for weight in plan.weights if weight.repo and weight.mirror}
    return [
        f"- {code(repo)}: {code(weight.mirror or '')}, {_standing(weight)}"
        for repo, weight in sorted(found.items())
    ]


def _standing(weight: ModelFile) -> str:
    if weight.mirror_commit is None:
        return "**unverified**: not compared with the original, and not used"
    return f"the same bytes at {code(weight.mirror_commit[:12])}, by their sha256"


def snippet_lines(weight: ModelFile) -> list[str]:
    """The lines of the source, without their common indentation; no fence survives in them."""
    lines = textwrap.dedent(weight.snippet or "").split("\n")
    shown = ["".join(c if c.isprintable() else " " for c in line) for line in lines]
    return [line.replace("`" * 3, "'" * 3).rstrip() for line in shown if line.strip()]
