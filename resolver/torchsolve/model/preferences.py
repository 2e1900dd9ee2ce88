"""What an earlier lock pinned: it is taken again wherever it still holds."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from torchsolve.model.target import CellId
from torchsolve.model.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Preferences:
    """The pins of a lock.

    Attributes:
        versions: PEP 503 name → version.
        cell: that it was solved for; None where another tool made it.
        origin: its path, as the user gave it.
    """

    versions: Mapping[str, Version] = field(default_factory=dict)
    cell: CellId | None = None
    origin: str = ""
