"""One sighting of a line that handles a model, in one chain of calls."""

from __future__ import annotations

from torchsolve.model.models import Mechanism
from torchsolve.model.values import dataclass, field
from torchsolve.project.scan.values import Marks, Value


@dataclass(frozen=True, slots=True)
class Guard:
    """An existence check above a line: what it asks for, and whether it wants it missing."""

    paths: tuple[Value, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Caller:
    """A frame of the chain: the line in ``file`` that is under way, in ``function``."""

    file: str
    line: int
    function: str
    frame: str


@dataclass(slots=True)
class Observation:
    """What a line did once.

    Attributes:
        path: value of the whole path, None where the mechanism has none of its own.
        repo, url: values.
        chain: frames from the innermost out.
        entry: how the run began: ``node``, ``import``, ``install``, ``alone``.
        folder: the path is a folder.
        marks: what any part of it came through.
        misled: what it was given cannot be meant for it.
        extends: by a class of the tree: the line that makes its object counts too.
    """

    mechanism: Mechanism
    api: str
    chain: tuple[Caller, ...]
    entry: str
    path: Value | None = None
    repo: Value | None = None
    url: Value | None = None
    category: Value | None = None
    revision: Value | None = None
    allow: Value | None = None
    ignore: Value | None = None
    folder: bool = False
    guards: tuple[Guard, ...] = ()
    risk: str | None = None
    marks: Marks = field(default_factory=frozenset)
    pending: bool = False
    misled: bool = False
    extends: bool = False
