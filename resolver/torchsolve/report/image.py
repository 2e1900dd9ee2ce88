"""``image inspect``: an inventory as text."""

from __future__ import annotations

from torchsolve.model.inventory import ImageInventory
from torchsolve.report.screen import Block, Cell, Screen, row
from torchsolve.report.text import counted


def inventory_screen(inventory: ImageInventory) -> Screen:
    """What the image is and what of the torch stack it holds."""
    facts = (
        ("os", f"{inventory.os}, glibc {inventory.glibc}, {inventory.platform}"),
        ("libstdc++", f"GLIBCXX_{inventory.libstdcxx}" if inventory.libstdcxx else "not found"),
        ("python", f"{inventory.python} at {inventory.executable}"),
        ("torch", inventory.torch or "none"),
        ("cuda", inventory.cuda or "none"),
        ("comfyui", inventory.comfyui_version or inventory.comfyui or "none"),
        ("user", inventory.user or "root"),
        ("holds", counted(len(inventory.dists), "distribution")),
    )
    title = row(Cell(inventory.ref, "bold"), inventory.digest or "no digest")
    return (Block((title,), indent=0), Block(tuple(row(*fact) for fact in facts), gap=2))
