"""Sites of a node that a test writes down."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from torchsolve.model.models import ModelSite
from torchsolve.project.scan.read import scan_tree
from torchsolve.project.tree import FolderTree


def scanned(root: Path, files: dict[str, str]) -> dict[str, list[ModelSite]]:
    """``file:line`` → its sites, of a node ``pack`` of these files."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(content), encoding="utf-8")
    found: dict[str, list[ModelSite]] = {}
    for site in scan_tree(FolderTree(root), "pack").sites:
        found.setdefault(f"{site.file}:{site.line}", []).append(site)
    return found


def node(*lines: str, takes: str = "['a', 'b']") -> str:
    """A node class with one function ``go(self, model)`` of these lines, from line 1 on."""
    head = (
        "class Loader:\n    FUNCTION = 'go'\n    @classmethod\n    def INPUT_TYPES(s):\n"
        f"        return {{'required': {{'model': ({takes},)}}}}\n    def go(self, model):\n"
    )
    return head + "".join(f"        {line}\n" for line in lines)
