"""What a user may choose about the files, beside the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from torchsolve.model.project import SourceLocation
from torchsolve.model.values import dataclass

Content = bytes | Path
"""A file's bytes, or the place to copy them from when ``write`` needs them."""

TreeReader = Callable[[SourceLocation], Iterable[tuple[str, Content]]]
"""Files of a local project, relative path and content; for trees that are not plain folders."""


@dataclass(frozen=True, slots=True)
class EmitOptions:
    """How the files are made; the lock keeps ``source`` and ``weights``.

    Attributes:
        source: ``clone``: git projects are cloned at their commit while the image is built;
            ``copy``: their files travel in ``context/``, as those without a remote always do.
        weights: ``mount``: a volume on models/ and a script that fills it; ``bake``: layers of the
            image; ``none``: neither.
        root: folder that relative ``context/…`` paths of a plan from a lock start at.
        tree: reads a local project; None walks the folder.
    """

    source: Literal["clone", "copy"] = "clone"
    weights: Literal["bake", "mount", "none"] = "mount"
    root: Path | None = None
    tree: TreeReader | None = None
