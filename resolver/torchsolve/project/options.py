"""How a project is to be read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from torchsolve.model.target import Platform
from torchsolve.model.values import dataclass, field

if TYPE_CHECKING:
    from torchsolve.project.download import Download


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What every reader of this room is told.

    Attributes:
        cache_dir: where clones and downloaded wheels are kept.
        rev: branch, tag or commit of a repository (``--rev``); wins over ``@rev`` in the reference.
        offline: open no socket.
        undeclared: keep a sample's undeclared imports as claimed requirements.
        extras: extras of a ``pyproject.toml`` that are asked for (``--with``).
        groups: dependency groups of a ``pyproject.toml`` that are asked for (``--group``).
        platform: wheels for other systems than this one's are named, not read.
        registry: address of the Comfy registry's API; None: its own.
        modules_of: what the newest wheel of a name on the index brings to import; None where it
            cannot be asked, or has none.
        comfyui_day: of the ComfyUI that a node runs in; None for the newest.
        extra_model_paths: a file of folders that ComfyUI searches as well.
        download: fetches a file at an address; None like ``offline``: nothing is fetched.
    """

    cache_dir: Path
    rev: str | None = None
    offline: bool = False
    undeclared: bool = True
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    platform: Platform = field(default_factory=lambda: Platform("linux/amd64"))
    registry: str | None = None
    comfyui_day: dt.date | None = None
    extra_model_paths: Path | None = None
    download: Download | None = None
    modules_of: Callable[[str], tuple[str, ...] | None] = lambda _name: None

    def lacking(self, extras: Collection[str] = ()) -> frozenset[str]:
        """What is asked for of a project that offers these extras and no groups."""
        asked = (f"extra {n}" for n in self.extras if canonicalize_name(n) not in extras)
        return frozenset((*asked, *(f"group {name}" for name in self.groups)))

    @property
    def online_download(self) -> Download | None:
        """``download``, None when offline."""
        return None if self.offline else self.download
